"""The digest of a sweep's results: it changes when the files of a collection would."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

from gensweep.ledger.ledger import POINTS
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.prepare.contact_sheet import DATASETS_FOLDER
from gensweep.report.figures.answers import ANSWERS_FILE
from gensweep.report.figures.samples import SAMPLES_FOLDER
from gensweep.report.results import Results

OUTPUT_VERSION = 9
"""Raised whenever the same records give other files than before."""
_SHOWN_FILES = re.compile(
    rf"[^.].*\.png|{re.escape(ANSWERS_FILE)}|{re.escape('history.csv')}",
    re.DOTALL,
)
"""Names of files beside the records that figures and the page show."""


def compute_digest(results: Results) -> str:
    """Return a hash of everything that the files of a collection are made of.

    Of files that are not records, only name, size and time count: reading them takes long.
    """
    sweep = json.dumps(results.sweep.model_dump(), default=str)
    points = results.points.to_csv(index=False)
    others = (
        results.unreadable,
        results.code_note,
        results.selection_note,
        {
            name: search.model_dump()
            for name, search in results.searches.items()
        },
        results.examples,
        results.warnings,
        results.unmeasured,
    )
    digest = hashlib.sha256(
        encode(f"{OUTPUT_VERSION}{sweep}{points}{others!r}")
    )
    for line in _list_shown_files(results):
        digest.update(encode(line))
    return digest.hexdigest()


def _list_shown_files(results: Results) -> Iterator[str]:
    """Yield every file that a figure or the page may show, by point and name."""
    yield from _list_folder(
        results.store, f"{results.folder.name}/{DATASETS_FOLDER}"
    )
    for point in results.points.loc[
        results.points["status"] == Status.OK, "id"
    ]:
        yield point
        for folder in (
            f"{POINTS}/{point}",
            f"{POINTS}/{point}/{SAMPLES_FOLDER}",
        ):
            yield from _list_folder(results.store, folder)


def _list_folder(store: Store, folder: str) -> list[str]:
    """Return ``name size time`` of the shown files in a folder, by name.

    None if there is no such folder.
    """
    lines = []
    for name, entry in store.list_files(folder).items():
        if _SHOWN_FILES.fullmatch(name):
            lines.append(f"{name} {entry.size} {entry.mtime_ns}\n")
    return sorted(lines)


def encode(content: bytes | str) -> bytes:
    """Return text as UTF-8; a character that has no UTF-8 becomes its number.

    The name of a file in an error message may have such characters.
    """
    return (
        content.encode(errors="backslashreplace")
        if isinstance(content, str)
        else content
    )
