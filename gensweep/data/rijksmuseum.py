"""Portraits of the Rijksmuseum."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from gensweep.core.config import param
from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import DATASETS, Progress, register_download
from gensweep.data._picture_files import join_first
from gensweep.data.folder import PictureFiles
from gensweep.prepare.fingerprint import Scheme, Source
from gensweep.system.cache_dir import get_cache_root, make_cache_folder

if TYPE_CHECKING:
    from gensweep.data._rijksmuseum.fetch import Tally
    from gensweep.data._rijksmuseum.portrait_folder import PortraitFolder

log = logging.getLogger(__name__)
NAME = "rijksmuseum"
FETCH_COMMAND = "python -m gensweep data fetch rijksmuseum"


def list_portraits(path: Path) -> Sequence[Path]:
    """Return the files of the portraits that were fetched.

    Raises:
        DataError: no portrait was fetched, or a file has changed since.
    """
    from gensweep.data._rijksmuseum.portrait_folder import PortraitFolder

    folder = PortraitFolder(path)
    if folder.changed:
        names = join_first(folder.changed, 3)
        raise DataError(
            f"{names} in {folder.pictures}: cut short or changed; get it again: {FETCH_COMMAND}"
        )
    if folder.missing:
        names = join_first(folder.missing)
        log.warning(
            "%s: %d pictures are listed but missing: %s",
            path,
            len(folder.missing),
            names,
        )
    if not folder.entries:
        raise DataError(
            f"rijksmuseum is not fetched yet (nothing in {path}); {FETCH_COMMAND}",
        )
    return [
        folder.pictures / entry["file"] for entry in folder.entries.values()
    ]


def _get_folder() -> Path:
    return get_cache_root() / NAME


SCHEME = Scheme(
    NAME,
    "",
    list_portraits,
    default=_get_folder,
)


@DATASETS(NAME)
class Rijksmuseum(PictureFiles):
    """Painted portraits of the Rijksmuseum in the public domain.

    They were painted from 1600 to 1700, unless other years were fetched.

    Source: Rijksmuseum, Amsterdam, its open data services; fetched once by
    `python -m gensweep data fetch rijksmuseum`. `metadata.jsonl` next to the pictures names object,
    title, maker and licence of each.

    - `picture`: uint8 [n, 3, 64, 64], the middle of each painting; n is the number of pictures that
      were fetched.
    """

    name: ClassVar[str] = NAME
    source: ClassVar[str] = "Rijksmuseum, Amsterdam; public domain"
    scheme: ClassVar[Scheme] = SCHEME

    dataset: Annotated[str, AfterValidator(Source(SCHEME))] = param(
        NAME,
        "the portraits, identified by what was fetched",
        validate_default=True,
    )

    def get_source_path(self) -> Path:
        """Return the folder of the cache that holds pictures and metadata."""
        return _get_folder()


@register_download(NAME)
def fetch_rijksmuseum(
    progress: Progress,
    *,
    source: str | None = None,
    limit: int | None = None,
    years: str = "1600-1700",
) -> str:
    """Fetch painted portraits in the public domain, 256 pixels high or wide, from the museum.

    Pictures that are already stored are not requested again, and none is ever removed.

    Args:
        progress: called after each picture.
        source: base URL of a server with the same interface as the museum's three services, see
            `gensweep.data._rijksmuseum.services.Services`.
        limit: pictures in total, including those that are already stored.
        years: when they were painted: `1642` or `1600-1700`.

    Returns:
        A one-line summary.

    Raises:
        DataError: an option is wrong.
        FetchError: no service responds, or a file cannot be written. The pictures that were stored
            before remain, and the next call continues there.
    """
    from gensweep.data._rijksmuseum.fetch import WORKERS, PortraitDownload
    from gensweep.data._rijksmuseum.portrait_folder import PortraitFolder
    from gensweep.data._rijksmuseum.services import (
        Services,
        build_date_patterns,
    )
    from gensweep.system.download import explain_write_errors, redact_url
    from gensweep.system.http_session import RateLimiter, open_session
    from gensweep.system.storage import lock_file

    if limit is not None and limit < 1:
        raise DataError(f"--limit {limit}: expected 1 or more")
    # Before anything is written or requested: an error if the years are wrong.
    build_date_patterns(years)
    cache = make_cache_folder(NAME)
    make_cache_folder(NAME, "pictures")
    gate = RateLimiter()
    with open_session(WORKERS, gate) as session, ExitStack() as stack:
        with explain_write_errors(cache / "lock"):
            stack.enter_context(lock_file(cache / "lock"))
        folder = PortraitFolder(cache)
        services = Services(session, source)
        download = PortraitDownload(services, gate, folder, progress, limit)
        tally = download.run(years)
        if folder.entries:
            folder.rewrite_list()
    if not folder.entries:
        lacks = tally.list_lacks() or ["the search lists none"]
        # Failures come last, and say more.
        reason = lacks[-1]
        raise FetchError(
            f"rijksmuseum: no portrait of {years} from {redact_url(services.base)} ({reason})"
        )
    return _summarize(folder, tally)


def _summarize(folder: PortraitFolder, tally: Tally) -> str:
    """Return the pictures that are stored now, and those that could not be fetched."""
    count = len(folder.entries)
    summary = f"rijksmuseum: {count:,} pictures, {tally.new:,} of them new"
    parts = [summary, *tally.list_lacks(), f"in {folder.pictures}"]
    return "; ".join(parts)
