"""Collection: write a sweep's results as files, which are tables, figures and a page."""

from __future__ import annotations

import contextlib
import errno
import logging
import re
from collections.abc import Collection, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gensweep.core.errors import ResultsError, StoreError, UnknownNameError
from gensweep.core.registries import FIGURES, TABLES, ReportItem
from gensweep.core.registry import Registry, is_of_main
from gensweep.ledger.manifest import SWEEP
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.stores import ABANDONED_SECONDS, Store
from gensweep.report.digest import compute_digest, encode
from gensweep.report.figures import rendering
from gensweep.report.figures.rendering import RenderedFigure
from gensweep.report.item_functions import (
    leave_out_failure,
    make_names_unique,
    make_tables_of,
)
from gensweep.report.load import load
from gensweep.report.page import PAGE, Collected, is_page, render
from gensweep.report.results import Results
from gensweep.report.tables import Table
from gensweep.report.tables.choice import apply_choice
from gensweep.system.garbage import pause_collection
from gensweep.system.storage import parse_json
from gensweep.system.terminal import escape_controls

log = logging.getLogger(__name__)
ALWAYS = ("cells", "leaderboard", "statistics", "reference")
"""Tables that every sweep gets."""
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
"""A text that a spreadsheet reads as a number, such as an answer."""
COLLECTED = "collected.json"
"""The file with the names of the last collection's files; the next one removes stale ones."""
_FOLDERS = ("tables", "figures")
"""Folders of a sweep that a collection writes to."""
_SUFFIXES = (".csv", ".md", ".tex", ".svg", ".png", ".pdf")
"""Endings of the files there."""


def is_current(results: Results) -> bool:
    """Return whether the files of the last collection exist and are of the current records."""
    if _has_items_of_main(results):
        # Nobody can tell whether a cell of a notebook was changed.
        return False
    store, folder = results.store, results.folder.name
    try:
        last = parse_json(store.read(f"{folder}/{COLLECTED}"))
        all_exist = all(
            store.exists(f"{folder}/{name}") for name in last["files"]
        )
        return all_exist and last["digest"] == compute_digest(results)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _has_items_of_main(results: Results) -> bool:
    """Return whether a notebook or script itself defines a table or figure of the sweep."""
    tables = [TABLES[name] for name in results.sweep.tables if name in TABLES]
    figures = [
        FIGURES[name] for name in results.sweep.figures if name in FIGURES
    ]
    return any(is_of_main(item.make) for item in (*tables, *figures))


def collect(folder: str | Path) -> list[Path]:
    """Write a sweep's tables, figures and page; the same records give the same bytes.

    Every sweep gets the tables of `ALWAYS` in addition to those it names. Files of an earlier
    collection that this one does not write are removed.

    Args:
        folder: ``ROOT/<sweep>``.

    Returns:
        The files written: ``folder/tables`` (CSV, Markdown, LaTeX), ``folder/figures``
        (PDF, SVG, PNG and the CSV of what each shows) and ``folder/report.html``.

    Raises:
        ResultsError: as `load`, or the folder cannot be written.
    """
    return write(load(folder))


@pause_collection()
def write(results: Results) -> list[Path]:
    """Write tables, figures and page as `collect`, of results that are loaded."""
    return write_collected(make(results))


def make(results: Results) -> Collected:
    """Return a sweep's tables and figures, in memory; unknown ones are left out with a warning."""
    # Before anything is read: a change in between then makes the files outdated, not current.
    digest = compute_digest(results)
    tables = make_tables(results)
    figures: list[RenderedFigure] = []
    for item in _find_items(FIGURES, results.sweep.figures, results):
        with leave_out_failure(item, "figure"):
            figures += list(rendering.render(item, results))
    return Collected(results, tables, make_names_unique(figures), digest)


def make_tables(results: Results) -> list[Table]:
    """Return the tables of every sweep and those that this one names."""
    tables: list[Table] = []
    for item in _find_items(
        TABLES, [*ALWAYS, *results.sweep.tables], results
    ):
        choice = results.sweep.table_choices.get(item.name)
        for table in make_tables_of(item, results):
            table = apply_choice(table, choice)
            tables.append(_add_notes(table, results))
    return make_names_unique(tables)


def _find_items(
    registry: Registry[ReportItem], names: list[str], results: Results
) -> list[ReportItem]:
    """Return the tables or figures of these names, each once."""
    items = []
    for name in dict.fromkeys(names):
        try:
            items.append(registry[name])
        except UnknownNameError as error:
            path = results.store.uri(f"{results.folder.name}/{SWEEP}")
            files = ", ".join(plugin.file for plugin in results.sweep.plugins)
            hint = (
                f" GENSWEEP_PLUGINS can name the file that has it ({files})."
                if files
                else ""
            )
            log.warning("%s: left out: %s%s", path, error, hint)
    return items


def _add_notes(table: Table, results: Results) -> Table:
    """Return the table with what a reader must know about all of the sweep's numbers."""
    notes = [
        f"{note}."
        for note in (results.selection_note, results.code_note)
        if note
    ]
    if not notes:
        return table
    return replace(table, notes=(*table.notes, *notes))


def write_collected(collected: Collected, reload: int = 0) -> list[Path]:
    """Write tables, figures and the page of a sweep.

    Args:
        collected: the tables and figures.
        reload: seconds after which a browser loads the page again; 0: never.

    Raises:
        ResultsError: the folder cannot be written.
    """
    store, folder = collected.results.store, collected.results.folder
    written: list[str] = []
    with _as_results_error(store.uri(folder.name)):
        for name, content in _render_files(collected, reload):
            store.write(f"{folder.name}/{name}", encode(content))
            written.append(name)
        _remove_stale_files(collected, written)
        digest = {"digest": collected.digest, "files": sorted(written)}
        store.write_json(f"{folder.name}/{COLLECTED}", digest)
        store.remove_leftovers(folder.name, ABANDONED_SECONDS)
    return [folder / name for name in written]


def render_csv(frame: pd.DataFrame) -> str:
    """Return a table as text of comma-separated values."""
    return frame.map(_protect_cell).to_csv(index=False, lineterminator="\n")


def _protect_cell(value: Any) -> Any:
    """Return a cell as a spreadsheet can show it: foreign text is no formula and no escape code."""
    if not isinstance(value, str):
        return value
    text = escape_controls(value)
    if _NUMBER.fullmatch(text):
        return text
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _render_files(
    collected: Collected, reload: int
) -> Iterator[tuple[str, bytes | str]]:
    """Yield the name and the content of each file of a sweep."""
    from gensweep.report.tables.latex_compact import render_latex_files
    from gensweep.report.tables.markdown import render_markdown

    results = collected.results
    for table in collected.tables:
        frame = table.frame.map(_protect_cell)
        yield (
            f"tables/{table.name}.csv",
            frame.to_csv(index=False, lineterminator="\n"),
        )
        yield f"tables/{table.name}.md", render_markdown(table, results)
        for stem, text in render_latex_files(table, results):
            yield f"tables/{stem}.tex", text
    for figure in collected.figures:
        frame = figure.data.to_frame()
        yield f"figures/{figure.name}.csv", render_csv(frame)
        yield f"figures/{figure.name}.svg", figure.svg
        yield f"figures/{figure.name}.png", figure.png
        yield f"figures/{figure.name}.pdf", figure.pdf
    yield PAGE, render([collected], results.folder, reload)


def _remove_stale_files(collected: Collected, written: list[str]) -> None:
    """Remove the files that the last collection wrote and this one did not, and nothing else."""
    store, folder = collected.results.store, collected.results.folder.name
    existing: set[str] = set()
    for part in _FOLDERS:
        existing.update(
            f"{part}/{name}" for name in store.list_files(f"{folder}/{part}")
        )
    for name in _read_last_files(store, folder):
        # Whatever the file says: nothing is removed that a collection could not have written.
        if (
            name in existing
            and name not in written
            and name.endswith(_SUFFIXES)
        ):
            store.remove(f"{folder}/{name}")


def _read_last_files(store: Store, folder: str) -> list[str]:
    """Return the names of the last collection's files; none if they are not known."""
    try:
        files = parse_json(store.read(f"{folder}/{COLLECTED}"))["files"]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    if not isinstance(files, list):
        return []
    return [name for name in files if isinstance(name, str)]


def write_page(
    collected: list[Collected], page: str, reload: int = 0
) -> None:
    """Write one page of several sweeps.

    Args:
        collected: their tables and figures.
        page: the path of the page, or its URI.
        reload: seconds after which a browser loads the page again; 0: never.

    Raises:
        ResultsError: it cannot be written, or the path has a file that gensweep did not write.
    """
    store, name = open_folder(page)
    with _as_results_error(page):
        try:
            may_write = is_page(store.read(name))
        except FileNotFoundError:
            may_write = True
        except IsADirectoryError:
            may_write = False
        if not may_write:
            raise ResultsError(
                f"{page} was not written by gensweep and is left alone; "
                "name another file with --page"
            )
        store.write(name, encode(render(collected, store.root, reload)))


@contextlib.contextmanager
def _as_results_error(path: str) -> Generator[None]:
    """Raise ResultsError if the file system refuses to write; other errors stay as they are."""
    try:
        yield
    except OSError as error:
        refusals = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
        if error.errno not in refusals and not isinstance(error, StoreError):
            raise
        raise ResultsError(f"{path} cannot be written: {error}") from error


def print_tables(
    results: Results, console: Any, wanted: Collection[str] | None = None
) -> None:
    """Print the tables, as `gensweep.report.tables.terminal.show` does."""
    from gensweep.report.tables.terminal import show

    show(results, console, wanted)
