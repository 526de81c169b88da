"""The files that a sweep's results become: tables and figures."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gensweep.core.catalog import FIGURES, TABLES, Page
from gensweep.core.errors import ResultsError, UnknownName
from gensweep.core.registry import Registry
from gensweep.core.storage import write_atomic, write_json
from gensweep.read.results import SWEEP, Results, load

COLLECTED = "collected.json"
"""Names the files of the last collection, so that the next one removes those it no longer makes."""


def is_current(results: Results) -> bool:
    """Whether the files of the last collection were made of what the sweep and its records say now."""
    try:
        return json.loads((results.folder / COLLECTED).read_text(encoding="utf-8"))["digest"] == _digest(results)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _digest(results: Results) -> str:
    """A hash of everything that the files are made of."""
    text = "".join((results.sweep.model_dump_json(), results.points.to_csv(index=False), repr(results.unreadable)))
    return hashlib.sha256(text.encode()).hexdigest()


def collect(folder: str | Path) -> list[Path]:
    """Write a sweep's tables and figures; the same records give the same bytes.

    Every sweep gets the `cells` table beside those it names. Files of an earlier collection that
    this one does not make are removed.

    Args:
        folder: ``ROOT/<sweep>``.

    Returns:
        The files written, under ``folder/tables`` (CSV, Markdown) and ``folder/figures`` (SVG, PNG).

    Raises:
        ResultsError: as `load`, or the folder cannot be written.
        UnknownName: sweep.json names a table or figure that this gensweep does not have.
    """
    return write(load(folder))


def write(results: Results) -> list[Path]:
    """Write tables and figures; as `collect`, of results that are loaded."""
    tables = _pages(TABLES, ["cells", *results.sweep.tables], results)
    figures = _pages(FIGURES, results.sweep.figures, results)
    written = []
    try:
        for name, content in _files(results, tables, figures):
            path = results.folder / name
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, content)
            written.append(path)
        _finish(results, [path.relative_to(results.folder).as_posix() for path in written])
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise ResultsError(f"{results.folder} cannot be written: {error}") from error
    return written


def _files(results: Results, tables: list[Any], figures: list[Any]) -> Iterator[tuple[str, bytes | str]]:
    from gensweep.read.figures.style import render
    from gensweep.read.tables.layout import markdown

    for page in tables:
        for table in page.make(results):
            yield f"tables/{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n")
            yield f"tables/{table.name}.md", markdown(table, results)
    for page in figures:
        for name, svg, png in render(page, results):
            yield f"figures/{name}.svg", svg
            yield f"figures/{name}.png", png


def _pages(registry: Registry[Page], names: list[str], results: Results) -> list[Page]:
    for name in names:
        if name not in registry:
            raise UnknownName(registry.kind, name, registry, str(results.folder / SWEEP))
    return [registry[name] for name in dict.fromkeys(names)]


def _finish(results: Results, written: list[str]) -> None:
    """Remove what the last collection wrote and this one did not, nothing else; write down what this one did."""
    try:
        before = json.loads((results.folder / COLLECTED).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, LookupError, TypeError):
        before = []
    for name in before if isinstance(before, list) else []:
        parts = Path(str(name)).parts
        if name not in written and len(parts) == 2 and parts[0] in ("tables", "figures"):
            (results.folder / name).unlink(missing_ok=True)
    write_json(results.folder / COLLECTED, {"digest": _digest(results), "files": sorted(written)})


def print_tables(results: Results, console: Any) -> None:
    """Print what matters of every cell, as `gensweep.read.tables.layout.show` says."""
    from gensweep.read.tables.layout import show

    show(results, console)
