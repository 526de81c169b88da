"""`search`: look at the trials of a sweep's searches, and check them against the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import Root, Verbose
from gensweep.ledger.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

if TYPE_CHECKING:
    from gensweep.sweep.spec import Sweep

app = typer.Typer(
    help="Show the trials of a sweep's searches, or check them against the records."
)
Folder = Annotated[
    str,
    typer.Argument(
        metavar="SWEEP",
        help="A sweep file, such as sweeps/search.py, or its results, such as results/search.",
    ),
]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="The sweep file, such as sweeps/search.py."
    ),
]


@app.command("show")
def show_command(
    sweep: Folder, results: Root = "results", verbose: Verbose = False
) -> None:
    """Print the trials of every search, the best first."""
    from gensweep.core.errors import ResultsError
    from gensweep.report.load import load
    from gensweep.report.tables.search import make_search
    from gensweep.report.tables.terminal import print_table

    loaded = load(find_sweep_folder(sweep, results))
    if not loaded.searches:
        raise ResultsError(
            f"{loaded.store.uri(loaded.folder.name)} has no search"
        )
    console = Console()
    for table in make_search(loaded):
        print_table(table, console)


@app.command("verify")
def verify_command(
    file: File, results: Root = "results", verbose: Verbose = False
) -> None:
    """Compute the trials again from the records; name the first that differs from search.json.

    The exit status is 1 if one differs, else 0.
    """
    from gensweep.core.errors import ResultsError
    from gensweep.execute.search_check import find_differences
    from gensweep.ledger.ledger import Ledger
    from gensweep.ledger.open_store import open_store
    from gensweep.sweep.load import read_sweep

    sweep = read_sweep(file)
    _check_has_search(sweep, file)
    ledger = Ledger(open_store(results))
    console = Console()
    reports = find_differences(sweep, ledger)
    if not reports:
        raise ResultsError(
            f"{ledger.store.uri(sweep.name)} has no search.json: the sweep was not run here"
        )
    for report in reports:
        print_line(console, report.text, "" if report.is_same else "red")
    raise typer.Exit(0 if all(report.is_same for report in reports) else 1)


def _check_has_search(sweep: Sweep, file: Path) -> None:
    from gensweep.core.errors import SweepError

    if not sweep.searches:
        raise SweepError(f"{file}: sweep {sweep.name!r} has no search")
