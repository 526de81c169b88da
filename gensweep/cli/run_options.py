"""Arguments and options of `run` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.completion import complete_sweep_file
from gensweep.execute.order import Order

MAX_CORES = 4096
"""More than any machine has; a larger number is a slip of the hand."""
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="The sweep file, such as sweeps/layers.py.",
        autocompletion=complete_sweep_file,
    ),
]
Seeds = Annotated[
    int | None, typer.Option(metavar="N", help="Use the seeds 0 to N-1.")
]
Cpus = Annotated[
    int,
    typer.Option(
        min=1, max=MAX_CORES, help="CPU cores and threads per trial."
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="GPUs per trial; default: 1 if there is a GPU, else 0.",
        show_default=False,
    ),
]
MaxConcurrent = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Maximum number of parallel trials; default: as many as fit.",
    ),
]
KeepFiles = Annotated[
    str | None,
    typer.Option(
        "--keep",
        metavar="WHAT",
        help="Large files to keep when a point is done: weights, checkpoint (weights, and the "
        "state from which training can continue), or nothing; default: as the sweep says.",
    ),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        help="Train in this process without Ray, one trial at a time.",
    ),
]
UseRay = Annotated[
    bool,
    typer.Option(
        "--ray",
        help="Train with Ray even if a run without it would be as fast.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the plan and exit.")
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="With --dry-run: show the plan as JSON."),
]
Calibrate = Annotated[
    bool,
    typer.Option(
        "--calibrate",
        help="With --dry-run: measure a few steps of each model shape that was never timed.",
    ),
]
StartOrder = Annotated[
    Order,
    typer.Option(
        "--order",
        help="Start the longest points first, one seed of every cell first, or in a fixed shuffle.",
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(
        "--time-budget",
        metavar="TIME",
        help="Start no further point after this time, such as 2h or 1h30m.",
    ),
]
MaxFailures = Annotated[
    int | None,
    typer.Option(
        "--stop-after-failures",
        metavar="N",
        min=1,
        help="Start no further point after N failures.",
    ),
]
Notify = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Run this command at the first failure and at the end; its input is a JSON summary.",
    ),
]
VerboseRun = Annotated[
    bool,
    typer.Option("--verbose", help="Show Ray's output, logs and tracebacks."),
]
