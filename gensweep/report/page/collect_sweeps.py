"""Collection from Python, in a script or a notebook; `gensweep.collect` is public."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

from gensweep.core.errors import UserError
from gensweep.core.values import is_number, show_value
from gensweep.ledger.open_store import canonical_uri
from gensweep.ledger.sweep_folder import find_sweep_folder
from gensweep.report.load import load
from gensweep.report.page.collect_many import (
    DEFAULT_INTERVAL_SECONDS,
    collect_all,
)
from gensweep.report.page.collect_many import (
    watch as watch_records,
)
from gensweep.report.results import Results
from gensweep.system.notebook import make_console


@overload
def collect(
    sweeps: str | Path,
    *,
    results: str | Path | None = None,
    page: str | Path | None = None,
    watch: bool = False,
    every: float | None = None,
) -> Results:
    """Collect one sweep."""


@overload
def collect(
    sweeps: Sequence[str | Path],
    *,
    results: str | Path | None = None,
    page: str | Path | None = None,
    watch: bool = False,
    every: float | None = None,
) -> list[Results]:
    """Collect several sweeps."""


def collect(
    sweeps: str | Path | Sequence[str | Path],
    *,
    results: str | Path | None = None,
    page: str | Path | None = None,
    watch: bool = False,
    every: float | None = None,
) -> Results | list[Results]:
    """Write tables, figures and pages of sweeps from their records, and return their results.

    Args:
        sweeps: folder, bucket, sweep file, or name below the results root; or several of them.
        results: the results root; default: GENSWEEP_RESULTS, else `results`.
        page: where the page of several sweeps goes; default: `report.html` in their common parent.
        watch: write again whenever records change, until all points are done.
        every: with `watch`, seconds between two looks; default: 10.

    Returns:
        What `gensweep.load` returns: of one sweep, or a list for a list.

    Raises:
        UserError: no such sweep, a folder that cannot be written, or a wrong option.
    """
    is_one = isinstance(sweeps, (str, os.PathLike))
    names = [sweeps] if is_one else sweeps
    root = str(results or os.environ.get("GENSWEEP_RESULTS") or "results")
    folders = [find_sweep_folder(_check(name), root) for name in names]
    if not folders:
        raise UserError("collect: name at least one sweep")
    _check_interval(every, watch)
    unique = list({canonical_uri(path): path for path in folders}.values())
    page_path = None if page is None else os.fspath(page)
    console = make_console()
    if watch:
        interval = every or DEFAULT_INTERVAL_SECONDS
        watch_records(unique, page_path, interval, console)
    else:
        collect_all(unique, page_path, console, shows_tables=False)
    loaded = [load(folder) for folder in folders]
    return loaded[0] if is_one else loaded


def _check(name: Any) -> str:
    if isinstance(name, (str, os.PathLike)):
        return str(name)
    raise UserError(
        f"collect: {show_value(name)} is not a folder or a name of a sweep"
    )


def _check_interval(every: Any, watch: bool) -> None:
    if every is None:
        return
    if not watch:
        raise UserError("--every needs --watch")
    if not is_number(every) or every < 1:
        raise UserError(
            f"--every {show_value(every)} is not a number of 1 or more"
        )
