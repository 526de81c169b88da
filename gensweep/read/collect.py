"""The files that a sweep's results become: tables and figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gensweep.core.catalog import FIGURES, TABLES
from gensweep.core.ledger import RECORD, Ledger
from gensweep.core.storage import write_atomic, write_json
from gensweep.read.results import SWEEP, Results, load

COLLECTED = "collected.json"
"""Names the files of the last collection, so that the next one removes those it no longer makes."""


def is_current(folder: Path) -> bool:
    """Whether nothing that the last collection read was written since."""
    try:
        collected = (folder / COLLECTED).stat().st_mtime_ns
        cells = json.loads((folder / SWEEP).read_text(encoding="utf-8"))["cells"]
        ledger = Ledger(folder.parent)
        read = [folder / SWEEP, *(ledger.folder(p) / RECORD for cell in cells for p in cell["points"].values())]
        return all(path.stat().st_mtime_ns <= collected for path in read if path.exists())
    except (OSError, ValueError, KeyError):
        return False


def collect(folder: str | Path) -> list[Path]:
    """Write a sweep's tables and figures; the same records give the same bytes.

    Every sweep gets the `cells` table beside those it names. Files of an earlier collection that
    this one does not make are removed.

    Args:
        folder: ``ROOT/<sweep>``.

    Returns:
        The files written, under ``folder/tables`` (CSV, Markdown) and ``folder/figures`` (SVG, PNG).

    Raises:
        ResultsError: as `load`.
        UnknownName: sweep.json names a table or figure that this gensweep does not have.
    """
    results = load(folder)
    tables = [TABLES[name] for name in dict.fromkeys(["cells", *results.sweep.tables])]
    figures = [FIGURES[name] for name in dict.fromkeys(results.sweep.figures)]
    written = []
    for name, content in _files(results, tables, figures):
        path = results.folder / name
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, content)
        written.append(path)
    _remove_stale(results.folder, [path.relative_to(results.folder).as_posix() for path in written])
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


def _remove_stale(folder: Path, written: list[str]) -> None:
    """Remove what the last collection wrote and this one did not; nothing else is touched."""
    try:
        before = json.loads((folder / COLLECTED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = []
    for name in before if isinstance(before, list) else []:
        parts = Path(str(name)).parts
        if name not in written and len(parts) == 2 and parts[0] in ("tables", "figures"):
            (folder / name).unlink(missing_ok=True)
    write_json(folder / COLLECTED, sorted(written))


def print_tables(results: Results, console: Any) -> None:
    """Print what matters of every cell, as `gensweep.read.tables.layout.show` says."""
    from gensweep.read.tables.layout import show

    show(results, console)
