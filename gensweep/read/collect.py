"""The files that a sweep's results become: tables, figures and a page."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from gensweep.core.catalog import FIGURES, TABLES, Page
from gensweep.core.errors import ResultsError, UnknownName
from gensweep.core.ledger import POINTS
from gensweep.core.records import OK
from gensweep.core.registry import Registry
from gensweep.core.storage import write_atomic, write_json
from gensweep.read.figures.answers import ANSWERS
from gensweep.read.figures.pictures import DATASETS
from gensweep.read.figures.samples import SAMPLES
from gensweep.read.page import PAGE, Made, is_page, render
from gensweep.read.page.figures import drawn
from gensweep.read.results import SWEEP, Results, load

ALWAYS = ("cells", "leaderboard", "statistics")
"""Tables that every sweep gets."""
COLLECTED = "collected.json"
"""Names the files of the last collection, so that the next one removes those it no longer makes."""
FORM = 3
"""Raised when the same records make other files."""
_SHOWN = re.compile(rf"[^.].*\.png|{re.escape(ANSWERS)}|{re.escape('history.csv')}|{SAMPLES}", re.DOTALL)
"""Names of what figures and the page show beside records."""


def is_current(results: Results) -> bool:
    """Whether the files of the last collection are there, and were made of what sweep and records say now."""
    try:
        last = json.loads((results.folder / COLLECTED).read_text(encoding="utf-8"))
        there = all((results.folder / name).is_file() for name in last["files"])
        return there and last["digest"] == digest(results)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def digest(results: Results) -> str:
    """A hash of everything that the files are made of: of what is no record the names, sizes and times alone."""
    sweep, points = json.dumps(results.sweep.model_dump(), default=str), results.points.to_csv(index=False)
    found = hashlib.sha256(_bytes(f"{FORM}{sweep}{points}{results.unreadable!r}"))
    for line in _shown(results):
        found.update(_bytes(line))
    return found.hexdigest()


def _shown(results: Results) -> Iterator[str]:
    """Every file that a figure or the page may show, by point and name."""
    yield from _listed(f"{results.folder}/{DATASETS}")
    for point in results.points.loc[results.points["status"] == OK, "id"]:
        folder = f"{results.folder.parent}/{POINTS}/{point}"
        yield point
        for line in _listed(folder):
            yield line
            if line.startswith(f"{SAMPLES} "):
                yield from _listed(f"{folder}/{SAMPLES}")


def _listed(folder: str) -> list[str]:
    """``name size time`` of the files of `_SHOWN` in a folder, by name; none where there is no folder."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if _SHOWN.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                    stat = entry.stat()
                    found.append(f"{entry.name} {stat.st_size} {stat.st_mtime_ns}\n")
    return sorted(found)


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
    return write_made(make(results))


def make(results: Results) -> Made:
    """A sweep's tables and figures, in memory.

    Raises:
        UnknownName: as `collect`.
    """
    state = digest(results)  # before anything is read: what comes in between is of the next time
    tables = _pages(TABLES, [*ALWAYS, *results.sweep.tables], results)
    figures = _pages(FIGURES, results.sweep.figures, results)
    return Made(
        results,
        [table for page in tables for table in page.make(results)],
        [figure for page in figures for figure in drawn(page, results)],
        state,
    )


def write_made(made: Made, reload: int = 0) -> list[Path]:
    """Write what was made, and the page of it.

    Args:
        reload: seconds after which a browser loads the page again; 0: never.

    Raises:
        ResultsError: the folder cannot be written.
    """
    results, written = made.results, []
    with _refusing(results.folder):
        for name, content in _files(made, reload):
            path = results.folder / name
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, _bytes(content))
            written.append(path)
        _finish(made, [path.relative_to(results.folder).as_posix() for path in written])
    return written


def write_page(made: list[Made], path: Path, reload: int = 0) -> None:
    """Write one page of several sweeps.

    Raises:
        ResultsError: it cannot be written, or there is a file that is no page of gensweep's.
    """
    if path.is_dir() or (path.exists() and not is_page(path)):
        raise ResultsError(f"{path} is no page of gensweep's and is left alone; name another file with --page")
    with _refusing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _bytes(render(made, path.parent, reload)))


@contextlib.contextmanager
def _refusing(place: Path) -> Generator[None]:
    """Make a refusal of the file system the user's to know."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise
        raise ResultsError(f"{place} cannot be written: {error}") from error


def _bytes(content: bytes | str) -> bytes:
    """Text as UTF-8; what has no UTF-8, as a file's name in an error may not, as its number."""
    return content.encode(errors="backslashreplace") if isinstance(content, str) else content


def _files(made: Made, reload: int) -> Iterator[tuple[str, bytes | str]]:
    from gensweep.read.tables.layout import markdown
    from gensweep.read.tables.paper import files as tex_files

    for table in made.tables:
        yield f"tables/{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n")
        yield f"tables/{table.name}.md", markdown(table, made.results)
        yield from ((f"tables/{stem}.tex", text) for stem, text in tex_files(table, made.results))
    for figure in made.figures:
        yield f"figures/{figure.name}.svg", figure.svg
        yield f"figures/{figure.name}.png", figure.png
    yield PAGE, render([made], made.results.folder, reload)


def _pages(registry: Registry[Page], names: list[str], results: Results) -> list[Page]:
    for name in names:
        if name not in registry:
            raise UnknownName(registry.kind, name, registry, str(results.folder / SWEEP))
    return [registry[name] for name in dict.fromkeys(names)]


def _finish(made: Made, written: list[str]) -> None:
    """Remove what the last collection wrote and this one did not, nothing else; write down what this one did."""
    folder = made.results.folder
    try:
        before = json.loads((folder / COLLECTED).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, LookupError, TypeError):
        before = []
    for name in before if isinstance(before, list) else []:
        parts = Path(str(name)).parts
        if name not in written and len(parts) == 2 and parts[0] in ("tables", "figures"):
            (folder / name).unlink(missing_ok=True)
    write_json(folder / COLLECTED, {"digest": made.digest, "files": sorted(written)})


def print_tables(results: Results, console: Any) -> None:
    """Print what matters of every cell, as `gensweep.read.tables.layout.show` says."""
    from gensweep.read.tables.layout import show

    show(results, console)
