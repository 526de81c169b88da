"""`prune`: remove large files of finished points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import Root
from gensweep.core.errors import UserError
from gensweep.core.keep import NOTHING, WEIGHTS_ALONE
from gensweep.ledger.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line

if TYPE_CHECKING:
    from gensweep.ledger.prune import LargeFile, PrunePlan

app = typer.Typer()
CHOICES = (WEIGHTS_ALONE, NOTHING)


SweepOrResults = Annotated[
    str,
    typer.Argument(
        help="A sweep file, such as sweeps/layers.py, or its results, such as results/layers.",
        metavar="SWEEP",
    ),
]
Keep = Annotated[
    str,
    typer.Option(
        metavar="WHAT",
        help="What stays: weights (removes checkpoints), or nothing (removes weights, too).",
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes", help="Remove the files; without this, only show their sizes."
    ),
]


@app.command("prune")
def prune_command(
    sweep: SweepOrResults,
    results: Root = "results",
    keep: Keep = WEIGHTS_ALONE,
    yes: Yes = False,
) -> None:
    """Show the sizes of the checkpoints of a sweep's finished points; --yes removes them.

    Records, histories, answers, samples, tables and figures always stay.
    """
    from gensweep.ledger.ledger import Ledger
    from gensweep.ledger.manifest import read_sweep_file
    from gensweep.ledger.open_store import open_folder
    from gensweep.ledger.prune import (
        find_sweeps_of,
        plan_pruning,
        remove_files,
    )
    from gensweep.ledger.stores import as_results_error

    if keep not in CHOICES:
        raise UserError(f"--keep {keep!r} is none of {', '.join(CHOICES)}")
    console = Console()
    store, folder = open_folder(find_sweep_folder(sweep, results))
    with as_results_error(store):
        cells = read_sweep_file(store, folder).cells
        ids = {
            point_id for cell in cells for point_id in cell.points.values()
        }
        ledger = Ledger(store)
        plan = plan_pruning(ledger, ids, keep)
        _print_plan(store.uri(folder), plan, console)
        if not plan.files:
            return
        for other, count in find_sweeps_of(ledger, ids, folder).items():
            shared = pluralize(count, "point")
            print_line(console, f"Sweep {other} has {shared} of these, too.")
        if not yes:
            print_line(
                console, "Nothing was removed; --yes removes these files."
            )
            return
        removed = remove_files(ledger, plan.files)
    print_line(console, f"Removed {_describe(removed)}.")
    if len(removed) < len(plan.files):
        count = pluralize(len(plan.files) - len(removed), "file")
        print_line(
            console,
            f"{count} stayed: their points are in training again.",
            "yellow",
        )


def _print_plan(sweep: str, plan: PrunePlan, console: Console) -> None:
    done = pluralize(plan.finished, "point")
    if not plan.files:
        print_line(
            console, f"{sweep}: {done} done, which have no such files."
        )
    else:
        print_line(
            console, f"{sweep}: {done} done, with {_describe(plan.files)}."
        )
    if plan.unfinished:
        rest = pluralize(plan.unfinished, "point")
        print_line(
            console,
            f"{rest} not done: their checkpoints stay, since they go on from them.",
        )


def _describe(files: list[LargeFile]) -> str:
    """Return counts and sizes: `2 checkpoint.pt (20.1 MB), 2 weights.pt (6.7 MB)`."""
    sizes: dict[str, list[int]] = {}
    for file in files:
        sizes.setdefault(file.name, []).append(file.size)
    parts = [
        f"{len(some)} {name} ({sum(some) / 1e6:,.1f} MB)"
        for name, some in sizes.items()
    ]
    return ", ".join(parts) or "no file"
