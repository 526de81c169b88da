"""`verify`: train some points again for a few epochs, and compare them with their records."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.options import Device, Root, TrainingDevice, Verbose
from gensweep.core.errors import ResultsError
from gensweep.ledger.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line

app = typer.Typer()


@app.command("verify")
def verify_command(
    sweep: Annotated[
        str,
        typer.Argument(
            help="A sweep file, such as sweeps/layers.py, or its results, such as results/layers.",
            metavar="SWEEP",
        ),
    ],
    sample: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Number of points to train again."
        ),
    ] = 6,
    epochs: Annotated[
        int,
        typer.Option(
            metavar="K",
            min=1,
            help="Number of epochs to train again per point.",
        ),
    ] = 1,
    results: Root = "results",
    device: TrainingDevice = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Train the first epochs of some points again, and compare them with their records.

    The exit status is 1 if a number differs or no point could be compared, else 0.
    """
    from gensweep.execute.verify import choose_points, verify
    from gensweep.execute.verify_store import store_all
    from gensweep.report.load import load
    from gensweep.report.verified import DIFFERENT, UNCOMPARED

    console = Console()
    loaded = load(find_sweep_folder(sweep, results))
    ids = choose_points(loaded, sample)
    if not ids:
        raise ResultsError(
            f"{loaded.store.uri(loaded.folder.name)} has no finished point to verify"
        )
    print_line(
        console,
        f"Training {pluralize(epochs, 'epoch')} of {pluralize(len(ids), 'point')} again.",
    )
    comparisons = store_all(
        loaded, verify(loaded, ids, epochs, device.value), console
    )
    outcomes = {comparison.outcome for comparison in comparisons}
    is_reproduced = (
        bool(outcomes - {UNCOMPARED}) and DIFFERENT not in outcomes
    )
    raise typer.Exit(0 if is_reproduced else 1)
