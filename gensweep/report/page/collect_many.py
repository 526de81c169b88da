"""Several sweeps, once or again and again: each has its own page, and together they have one more."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import ResultsError
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.records import MISSING
from gensweep.report.collect import compute_digest, make, print_tables, write_collected, write_page
from gensweep.report.page import PAGE, Collected
from gensweep.report.results import Results, load
from gensweep.system.text import pluralize, print_line

if TYPE_CHECKING:
    from gensweep.system.terminal import Console

_SHARE = 4
"""A pause is at least so many times as long as the work before it."""


def collect_all(folders: Sequence[str], page: str | None, console: Console) -> None:
    """Collect each sweep and print its tables; with several, or where a place is named, write one page of all.

    Args:
        folders: the sweeps'.
        page: where the page of all of them goes; None: see `resolve_page`.
        console: where tables go, and what was written.
    """
    together, made = resolve_page(folders, page), []
    for folder, results in zip(folders, [load(folder) for folder in folders], strict=True):
        made.append(make(results))
        try:
            paths = write_collected(made[-1])
        except ResultsError as error:  # of a root that can only be read
            if page is None:
                raise
            print_tables(results, console)
            print_line(console, f"{error}; its tables and figures are on the page alone.")
            continue
        print_tables(results, console)
        page_of_it = (
            results.store.uri(f"{results.folder.name}/{PAGE}")
            if "://" in folder
            else f"{folder}/{PAGE}"
        )
        print_line(console, f"Wrote {len(paths)} files to {folder}; the page is {page_of_it}.")
    if together:
        write_page(made, together)
        print_line(
            console, f"The page of {'all of them' if len(made) > 1 else 'it'} is {together}."
        )


def resolve_page(folders: Sequence[str], page: str | None) -> str | None:
    """Where the page of all sweeps goes: as asked for, or `report.html` in the folder that has them all.

    Raises:
        ResultsError: it would take the place of one sweep's own page, or no folder has them all.
    """
    places = [open_folder(folder) for folder in folders]
    roots = {store.root_uri: store for store, _ in places}
    if page is None and len(places) > 1:
        if len(roots) > 1 and any(root.is_remote for root in roots.values()):
            raise ResultsError(
                f"{' and '.join(roots)} have no folder in common; name the page of all with --page"
            )
        page = (
            next(iter(roots.values())).uri(PAGE)
            if len(roots) == 1
            else f"{os.path.commonpath(roots)}/{PAGE}"
        )
    if page is None:
        return None
    store, name = open_folder(page)
    page = store.uri(name)
    if there := next(
        (root for root in roots.values() if root.is_remote and root.root_uri != store.root_uri),
        None,
    ):
        raise ResultsError(
            f"--page {page}: the page of sweeps in a bucket lies beside them, as {there.uri(PAGE)} would"
        )
    if page in [own.uri(f"{folder}/{PAGE}") for own, folder in places]:
        raise ResultsError(f"{page} is the page of one sweep alone; name another file with --page")
    return page


def watch(folders: Sequence[str], page: str | None, pause: float, console: Console) -> None:
    """Collect whenever records changed, until every point has one; a line a time.

    The pages load themselves again while they are watched and incomplete, and never after that.

    Args:
        folders: the sweeps'.
        page: where the page of all of them goes; None: see `resolve_page`.
        pause: seconds between two looks.
    """
    page, made = resolve_page(folders, page), dict[Path, Collected]()
    try:
        while True:
            started = time.monotonic()
            loaded = [load(folder) for folder in folders]
            incomplete = [results.folder for results in loaded if results.counts[MISSING]]
            known = {folder: one.digest for folder, one in made.items()}
            changed = [
                results
                for results in loaded
                if known.get(results.folder) != compute_digest(results)
            ]
            for results in changed:
                made[results.folder] = make(results)
                write_collected(
                    made[results.folder], _reload(pause) if results.folder in incomplete else 0
                )
                print_line(console, f"{datetime.now():%H:%M:%S} {format_progress(results)}")
            if changed and page:
                write_page(
                    [made[results.folder] for results in loaded],
                    page,
                    _reload(pause) if incomplete else 0,
                )
            if not incomplete:
                return
            time.sleep(max(pause, _SHARE * (time.monotonic() - started)))
    except BaseException:  # a signal, most often: nobody renews the pages any more
        for one in made.values():
            if one.results.counts[MISSING]:
                write_collected(one)
        if page and len(made) == len(folders):
            write_page(list(made.values()), page)
        raise


def _reload(pause: float) -> int:
    return max(1, round(pause))


def format_progress(results: Results) -> str:
    """``layers: 40 of 225 points ok, 1 failed, 184 missing``."""
    ok, *others = results.counts.items()
    bad = "".join(f", {count} {status}" for status, count in others if count)
    return f"{results.sweep.name}: {ok[1]} of {pluralize(len(results.points), 'point')} ok{bad}"
