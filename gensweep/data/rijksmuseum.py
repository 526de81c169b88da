"""Portraits of the Rijksmuseum."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from gensweep.core.config import param
from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import DATASETS, Progress, register_download
from gensweep.data._pictures import join_first
from gensweep.data.folder import PictureFiles
from gensweep.prepare.fingerprint import Scheme, Source
from gensweep.system.cache_dir import cache_folder, cache_root

log = logging.getLogger(__name__)
NAME = "rijksmuseum"
REMEDY = "python -m gensweep data fetch rijksmuseum"


def list_portraits(place: Path) -> Sequence[Path]:
    """The pictures that were fetched.

    Raises:
        DataError: none was, or one was changed since.
    """
    from gensweep.data._rijksmuseum.portrait_folder import PortraitFolder

    kept = PortraitFolder(place)
    if kept.changed:
        raise DataError(
            f"{join_first(kept.changed, 3)} in {kept.pictures}: cut short or changed; get it again: {REMEDY}"
        )
    if kept.missing:
        log.warning(
            "%s: %d pictures are listed, and not there: %s",
            place,
            len(kept.missing),
            join_first(kept.missing),
        )
    if not kept.entries:
        raise DataError(f"rijksmuseum is not fetched yet (nothing in {place}); {REMEDY}")
    return [kept.pictures / entry["file"] for entry in kept.entries.values()]


def _place() -> Path:
    return cache_root() / NAME


SCHEME = Scheme(NAME, "", list_portraits, default=_place)


@DATASETS(NAME)
class Rijksmuseum(PictureFiles):
    """Painted portraits of the Rijksmuseum, of 1600 to 1700 unless others were fetched, in the public domain.

    Source: Rijksmuseum, Amsterdam, its open data services; got once by `python -m gensweep data fetch rijksmuseum`.
    `metadata.jsonl` beside the pictures names object, title, maker and licence of each.

    - `picture`: uint8 [n, 3, 64, 64], the middle of each painting; n is as many as were fetched.
    """

    name: ClassVar[str] = NAME
    source: ClassVar[str] = "Rijksmuseum, Amsterdam; public domain"
    scheme: ClassVar[Scheme] = SCHEME

    dataset: Annotated[str, AfterValidator(Source(SCHEME))] = param(
        NAME, "the portraits, known by what was fetched", validate_default=True
    )

    def place(self) -> Path:
        """The folder of the cache that holds pictures and metadata."""
        return _place()


@register_download(NAME)
def fetch_rijksmuseum(
    progress: Progress,
    *,
    source: str | None = None,
    limit: int | None = None,
    years: str = "1600-1700",
) -> str:
    """Painted portraits in the public domain, 256 pixels high or wide, from the museum's open data services.

    What is kept already is not asked for again, and nothing of it is ever removed.

    Args:
        progress: told after each picture.
        source: base URL of a server that speaks like the museum's three services, see
            `gensweep.data._rijksmuseum.services.Services`.
        limit: pictures in all, those already kept included.
        years: when they were painted: `1642` or `1600-1700`.

    Raises:
        DataError: an option is wrong.
        FetchError: nobody answers, or nothing can be written. What was got is kept; the next call goes on from there.
    """
    from gensweep.data._rijksmuseum.fetch import WORKERS, Portraits
    from gensweep.data._rijksmuseum.portrait_folder import PortraitFolder
    from gensweep.data._rijksmuseum.services import Services, build_date_patterns
    from gensweep.system.download import Gate, open_session, shown, writing
    from gensweep.system.storage import locked

    if limit is not None and limit < 1:
        raise DataError(f"--limit {limit}: 1 or more is wanted")
    build_date_patterns(years)
    folder, gate = cache_folder(NAME), Gate()
    cache_folder(NAME, "pictures")
    with open_session(WORKERS, gate) as session, ExitStack() as stack:
        with writing(folder / "lock"):
            stack.enter_context(locked(folder / "lock"))
        kept, services = PortraitFolder(folder), Services(session, source)
        tally = Portraits(services, gate, kept, progress, limit).run(years)
        if kept.entries:
            kept.rewrite_list()
    if not kept.entries:
        why = (
            tally.failures()
            if tally.failed
            else f"{tally.not_free} left out, not in the public domain"
        )
        raise FetchError(f"rijksmuseum: no portrait of {years} from {shown(services.base)} ({why})")
    parts = [f"rijksmuseum: {len(kept.entries):,} pictures, {tally.new:,} of them new"]
    if tally.not_free:
        parts.append(f"{tally.not_free:,} left out, not in the public domain")
    if tally.failed:
        parts.append(tally.failures())
    return "; ".join(parts) + f"; in {kept.pictures}"
