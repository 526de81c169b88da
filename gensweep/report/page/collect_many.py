"""Collecting many sweeps, once or continuously: a page for each, and one for all of them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import ResultsError
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.report.collect import (
    make,
    print_tables,
    write_collected,
    write_page,
)
from gensweep.report.digest import compute_digest
from gensweep.report.load import load
from gensweep.report.page import PAGE, Collected
from gensweep.report.results import Results
from gensweep.system.text import pluralize, print_line

if TYPE_CHECKING:
    from gensweep.ledger.search_log import SearchInfo
    from gensweep.system.terminal import Console

DEFAULT_INTERVAL_SECONDS = 10.0
PAUSE_PER_WORK = 4
"""A pause is at least this many times as long as the work before it."""


def collect_all(
    folders: Sequence[str],
    page: str | None,
    console: Console,
    shows_tables: bool = True,
) -> None:
    """Collect each sweep and print its tables; then write one page of all of them.

    A single sweep gets no second page, unless ``page`` names one.

    Args:
        folders: the sweeps'.
        page: where the page of all of them goes; None: see `resolve_page`.
        console: shows the tables, and what was written.
        shows_tables: whether tables are printed.
    """
    page_of_all = resolve_page(folders, page)
    collected = []
    # All are loaded first: a mistake in the last folder's name is reported before any work.
    all_results = [load(folder) for folder in folders]
    for folder, results in zip(folders, all_results, strict=True):
        one = make(results)
        collected.append(one)
        try:
            paths = write_collected(one)
        except ResultsError as error:
            # The results root may be read-only; the page can still be written elsewhere.
            if page is None:
                raise
            if shows_tables:
                print_tables(results, console)
            print_line(
                console,
                f"{error}; its tables and figures are only on the page.",
            )
            continue
        if shows_tables:
            print_tables(results, console)
        own_page = f"{folder}/{PAGE}"
        if "://" in folder:
            own_page = results.store.uri(f"{results.folder.name}/{PAGE}")
        print_line(
            console,
            f"Wrote {len(paths)} files to {folder}; the page is {own_page}.",
        )
    if page_of_all:
        write_page(collected, page_of_all)
        sweeps = "all sweeps" if len(collected) > 1 else "the sweep"
        print_line(console, f"The page of {sweeps} is {page_of_all}.")


def resolve_page(folders: Sequence[str], page: str | None) -> str | None:
    """Return where the page of all sweeps goes; None if no such page is needed.

    Args:
        folders: the sweeps'.
        page: as requested; None: `report.html` in the folder that has all of the sweeps.

    Raises:
        ResultsError: it would replace one sweep's own page, or no folder has all of the sweeps.
    """
    opened = [open_folder(folder) for folder in folders]
    roots = {store.root_uri: store for store, _ in opened}
    if page is None:
        if len(opened) < 2:
            return None
        page = _choose_common_page(roots)
    store, name = open_folder(page)
    page = store.uri(name)
    for root in roots.values():
        if root.is_remote and root.root_uri != store.root_uri:
            raise ResultsError(
                f"--page {page}: the page of sweeps in a bucket must be beside them, "
                f"such as {root.uri(PAGE)}"
            )
    if page in [
        sweep_store.uri(f"{folder}/{PAGE}") for sweep_store, folder in opened
    ]:
        raise ResultsError(
            f"{page} is the page of one sweep alone; name another file with --page"
        )
    return page


def _choose_common_page(roots: Mapping[str, Store]) -> str:
    """Return the path or URI of the page in the folder that has all of the results roots."""
    if len(roots) == 1:
        (root,) = roots.values()
        return root.uri(PAGE)
    if any(root.is_remote for root in roots.values()):
        raise ResultsError(
            f"{' and '.join(roots)} have no common folder; name the page of all sweeps with --page"
        )
    return f"{os.path.commonpath(roots)}/{PAGE}"


def watch(
    folders: Sequence[str], page: str | None, pause: float, console: Console
) -> None:
    """Collect whenever records changed, until every point has one; print a line each time.

    The pages reload themselves while they are watched and incomplete, and never after that.

    Args:
        folders: the sweeps'.
        page: where the page of all of them goes; None: see `resolve_page`.
        pause: seconds between two looks.
        console: shows the progress.
    """
    page = resolve_page(folders, page)
    collected: dict[Path, Collected] = {}
    try:
        while True:
            started = time.monotonic()
            is_complete = _collect_changed(
                folders, page, pause, collected, console
            )
            if is_complete:
                return
            # Collecting much takes long, and must not take most of the machine's time.
            worked = time.monotonic() - started
            time.sleep(max(pause, PAUSE_PER_WORK * worked))
    except BaseException:
        # Most often a signal. Nobody renews the pages from now on, so they must stop reloading.
        for one in collected.values():
            if not _is_complete(one.results):
                write_collected(one)
        if page and len(collected) == len(folders):
            write_page(list(collected.values()), page)
        raise


def _collect_changed(
    folders: Sequence[str],
    page: str | None,
    pause: float,
    collected: dict[Path, Collected],
    console: Console,
) -> bool:
    """Collect the sweeps whose records changed, and return whether all sweeps are complete.

    Args:
        folders: the sweeps'.
        page: where the page of all of them goes; None: there is none.
        pause: seconds after which an incomplete page reloads.
        collected: what was collected before, by folder; it is updated.
        console: shows the progress.
    """
    loaded = [load(folder) for folder in folders]
    changed = []
    for results in loaded:
        last = collected.get(results.folder)
        if last is None or last.digest != compute_digest(results):
            changed.append(results)
    is_complete = all(_is_complete(results) for results in loaded)
    for results in changed:
        one = make(results)
        collected[results.folder] = one
        write_collected(one, _get_reload(pause, _is_complete(results)))
        print_line(
            console, f"{datetime.now():%H:%M:%S} {format_progress(results)}"
        )
    if changed and page:
        in_order = [collected[results.folder] for results in loaded]
        write_page(in_order, page, _get_reload(pause, is_complete))
    return is_complete


def _is_complete(results: Results) -> bool:
    """Return whether every point has a record, and no search will ask for another one."""
    return not results.counts[Status.MISSING] and all(
        search.has_ended and _has_points(results, search)
        for search in results.searches.values()
    )


def _has_points(results: Results, search: SearchInfo) -> bool:
    """Return whether the sweep's list has the trials that are trained again.

    Between two waves of a search, the search's log names them, and the list does not yet.
    """
    confirmed = {
        point_id for one in search.confirmed for point_id in one.points
    }
    return confirmed <= set(results.points["id"])


def _get_reload(pause: float, is_complete: bool) -> int:
    """Return the seconds after which a browser reloads a page; 0 if the page is complete."""
    if is_complete:
        return 0
    return max(1, round(pause))


def format_progress(results: Results) -> str:
    """Return the counts as text: ``layers: 40 of 225 points ok, 1 failed, 184 missing``."""
    (_, ok), *others = results.counts.items()
    text = f"{results.sweep.name}: {ok} of {pluralize(len(results.points), 'point')} ok"
    for status, count in others:
        if count:
            text += f", {count} {status}"
    return text
