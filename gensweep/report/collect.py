"""The files that a sweep's results become: tables, figures and a page."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gensweep.core.errors import ResultsError, Unavailable, UnknownName
from gensweep.core.registries import FIGURES, TABLES, ReportItem
from gensweep.core.registry import Registry
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.manifest import SWEEP
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.records import OK
from gensweep.ledger.stores import ABANDONED_SECONDS, Store
from gensweep.prepare.contact_sheet import DATASETS_FOLDER
from gensweep.report.figures.answers import ANSWERS_FILE
from gensweep.report.figures.samples import SAMPLES_FOLDER
from gensweep.report.page import PAGE, Collected, RenderedFigure, is_page, render
from gensweep.report.page.figures import render_figures
from gensweep.report.results import Results, load
from gensweep.report.tables import Table
from gensweep.system.storage import parse_json

ALWAYS = ("cells", "leaderboard", "statistics")
"""Tables that every sweep gets."""
Named = TypeVar("Named", Table, RenderedFigure)
COLLECTED = "collected.json"
"""Names the files of the last collection, so that the next one removes those it no longer makes."""
FORM = 6
"""Raised when the same records make other files."""
_PARTS, _SUFFIXES = ("tables", "figures"), (".csv", ".md", ".tex", ".svg", ".png")
"""Folders of a sweep's that a collection writes to, and how the names of its files end."""
_SHOWN = re.compile(rf"[^.].*\.png|{re.escape(ANSWERS_FILE)}|{re.escape('history.csv')}", re.DOTALL)
"""Names of what figures and the page show beside records."""


def is_current(results: Results) -> bool:
    """Whether the files of the last collection are there, and were made of what sweep and records say now."""
    store, folder = results.store, results.folder.name
    try:
        last = parse_json(store.read(f"{folder}/{COLLECTED}"))
        there = all(store.exists(f"{folder}/{name}") for name in last["files"])
        return there and last["digest"] == compute_digest(results)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def compute_digest(results: Results) -> str:
    """A hash of everything that the files are made of: of what is no record the names, sizes and times alone."""
    sweep, points = (
        json.dumps(results.sweep.model_dump(), default=str),
        results.points.to_csv(index=False),
    )
    beside = (
        results.unreadable,
        results.code_note,
        results.examples,
        results.warnings,
        results.unmeasured,
    )
    found = hashlib.sha256(_bytes(f"{FORM}{sweep}{points}{beside!r}"))
    for line in _shown(results):
        found.update(_bytes(line))
    return found.hexdigest()


def _shown(results: Results) -> Iterator[str]:
    """Every file that a figure or the page may show, by point and name."""
    yield from _listed(results.store, f"{results.folder.name}/{DATASETS_FOLDER}")
    for point in results.points.loc[results.points["status"] == OK, "id"]:
        yield point
        for folder in (f"{POINTS}/{point}", f"{POINTS}/{point}/{SAMPLES_FOLDER}"):
            yield from _listed(results.store, folder)


def _listed(store: Store, folder: str) -> list[str]:
    """``name size time`` of the files of `_SHOWN` in a folder, by name; none where there is no folder."""
    entries = store.list_files(folder).items()
    return sorted(
        f"{name} {entry.size} {entry.mtime_ns}\n"
        for name, entry in entries
        if _SHOWN.fullmatch(name)
    )


def collect(folder: str | Path) -> list[Path]:
    """Write a sweep's tables, figures and page; the same records give the same bytes.

    Every sweep gets the tables of `ALWAYS` beside those it names. Files of an earlier collection that
    this one does not make are removed.

    Args:
        folder: ``ROOT/<sweep>``.

    Returns:
        The files written, under ``folder/tables`` (CSV, Markdown, LaTeX) and ``folder/figures`` (SVG, PNG), and
        ``folder/report.html``.

    Raises:
        ResultsError: as `load`, or the folder cannot be written.
        UnknownName: sweep.json names a table or figure that this gensweep does not have.
    """
    return write(load(folder))


def write(results: Results) -> list[Path]:
    """Write tables, figures and page; as `collect`, of results that are loaded."""
    return write_collected(make(results))


def make(results: Results) -> Collected:
    """A sweep's tables and figures, in memory.

    Raises:
        UnknownName: as `collect`.
    """
    state = compute_digest(
        results
    )  # before anything is read: what comes in between is of the next time
    tables = _pages(TABLES, [*ALWAYS, *results.sweep.tables], results)
    figures = _pages(FIGURES, results.sweep.figures, results)
    return Collected(
        results,
        _with_own_files(
            [_with_code(table, results) for page in tables for table in page.make(results)]
        ),
        _with_own_files([figure for page in figures for figure in render_figures(page, results)]),
        state,
    )


def _with_code(table: Table, results: Results) -> Table:
    """Return the table with a note on the code behind its numbers, where one is needed."""
    notes = [f"{results.code_note}."] if results.code_note else []
    return replace(table, notes=(*table.notes, *notes))


def _with_own_files(made: list[Named]) -> list[Named]:
    """Return tables or figures of which no two have one file, as those of a user's own page may."""
    seen: Counter[str] = Counter()
    own = []
    for one in made:
        seen[one.name.casefold()] += 1
        count = seen[one.name.casefold()]
        own.append(one if count == 1 else replace(one, name=f"{one.name}-{count}"))
    return own


def write_collected(made: Collected, reload: int = 0) -> list[Path]:
    """Write what was made, and the page of it.

    Args:
        reload: seconds after which a browser loads the page again; 0: never.

    Raises:
        ResultsError: the folder cannot be written.
    """
    results, written = made.results, []
    with _refusing(results.store.uri(results.folder.name)):
        for name, content in _files(made, reload):
            results.store.write(f"{results.folder.name}/{name}", _bytes(content))
            written.append(name)
        _finish(made, written)
    return [results.folder / name for name in written]


def write_page(made: list[Collected], page: str, reload: int = 0) -> None:
    """Write one page of several sweeps.

    Raises:
        ResultsError: it cannot be written, or there is a file that is no page of gensweep's.
    """
    store, name = open_folder(page)
    with _refusing(page):
        try:
            mine = is_page(store.read(name))
        except FileNotFoundError:
            mine = True
        except IsADirectoryError:
            mine = False
        if not mine:
            raise ResultsError(
                f"{page} is no page of gensweep's and is left alone; name another file with --page"
            )
        store.write(name, _bytes(render(made, store.root, reload)))


@contextlib.contextmanager
def _refusing(place: str) -> Generator[None]:
    """Make a refusal of the file system the user's to know."""
    try:
        yield
    except OSError as error:
        refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
        if not refused and not isinstance(error, Unavailable):
            raise
        raise ResultsError(f"{place} cannot be written: {error}") from error


def _bytes(content: bytes | str) -> bytes:
    """Text as UTF-8; what has no UTF-8, as a file's name in an error may not, as its number."""
    return content.encode(errors="backslashreplace") if isinstance(content, str) else content


def _files(made: Collected, reload: int) -> Iterator[tuple[str, bytes | str]]:
    from gensweep.report.tables.latex_compact import render_latex_files as tex_files
    from gensweep.report.tables.markdown import render_markdown

    for table in made.tables:
        yield f"tables/{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n")
        yield f"tables/{table.name}.md", render_markdown(table, made.results)
        yield from ((f"tables/{stem}.tex", text) for stem, text in tex_files(table, made.results))
    for figure in made.figures:
        yield f"figures/{figure.name}.svg", figure.svg
        yield f"figures/{figure.name}.png", figure.png
    yield PAGE, render([made], made.results.folder, reload)


def _pages(registry: Registry[ReportItem], names: list[str], results: Results) -> list[ReportItem]:
    for name in names:
        if name not in registry:
            raise UnknownName(
                registry.kind, name, registry, results.store.uri(f"{results.folder.name}/{SWEEP}")
            )
    return [registry[name] for name in dict.fromkeys(names)]


def _finish(made: Collected, written: list[str]) -> None:
    """Remove what the last collection wrote and this one did not, nothing else; write down what this one did."""
    store, folder = made.results.store, made.results.folder.name
    try:
        before = parse_json(store.read(f"{folder}/{COLLECTED}"))["files"]
    except (OSError, ValueError, LookupError, TypeError):
        before = []
    there = {f"{part}/{name}" for part in _PARTS for name in store.list_files(f"{folder}/{part}")}
    for name in before if isinstance(before, list) else []:
        # Whatever the file says, nothing leaves but what a collection could have written.
        if (
            isinstance(name, str)
            and name in there
            and name not in written
            and name.endswith(_SUFFIXES)
        ):
            store.remove(f"{folder}/{name}")
    store.write_json(f"{folder}/{COLLECTED}", {"digest": made.digest, "files": sorted(written)})
    store.remove_leftovers(folder, ABANDONED_SECONDS)


def print_tables(results: Results, console: Any) -> None:
    """Print what matters of every cell, as `gensweep.report.tables.terminal.show` says."""
    from gensweep.report.tables.terminal import show

    show(results, console)
