"""`run`: train the missing points of a sweep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.changes import read_changed_sweep
from gensweep.cli.options import (
    Address,
    Device,
    Entity,
    Filter,
    Lanes,
    Project,
    RetrainChanged,
    RetryFailed,
    Root,
    Set,
    TrainingDevice,
    WandbMode,
    parse_pairs,
)
from gensweep.core.errors import UserError
from gensweep.core.keep import check_keep
from gensweep.execute.order import Order
from gensweep.system.terminal import Console, format_command_line

if TYPE_CHECKING:
    from gensweep.sweep.spec import Sweep

app = typer.Typer()
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="The sweep file, such as sweeps/layers.py."
    ),
]
Seeds = Annotated[
    int | None, typer.Option(metavar="N", help="Use the seeds 0 to N-1.")
]
Cpus = Annotated[
    int, typer.Option(min=1, help="CPU cores and threads per trial.")
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
        help="Large files that stay when a point is done: weights, checkpoint (also the state "
        "to train on from), or nothing; default: as the sweep says.",
    ),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        help="Train in this process without Ray, one trial at a time.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the plan and exit.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="With --dry-run: show the plan as JSON.")
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
        help="Give a command a JSON summary on its input, at the end and at the first failure.",
    ),
]
VerboseRun = Annotated[
    bool,
    typer.Option("--verbose", help="Show Ray's output, logs and tracebacks."),
]


@app.command("run")
def run_command(
    context: typer.Context,
    file: File,
    results: Root = "results",
    filter_: Filter = None,
    set_: Set = None,
    seeds: Seeds = None,
    device: TrainingDevice = Device.auto,
    cpus_per_trial: Cpus = 1,
    gpus_per_trial: Gpus = None,
    max_concurrent: MaxConcurrent = None,
    pack: Lanes = None,
    keep: KeepFiles = None,
    address: Address = None,
    local: Local = False,
    order: StartOrder = Order.longest,
    time_budget: TimeBudget = None,
    max_failures: MaxFailures = None,
    notify: Notify = None,
    dry: DryRun = False,
    as_json: AsJson = False,
    calibrate: Calibrate = False,
    retry_failed: RetryFailed = False,
    retrain_changed: RetrainChanged = False,
    wandb: WandbMode = None,
    wandb_project: Project = None,
    wandb_entity: Entity = None,
    verbose: VerboseRun = False,
) -> None:
    """Train the missing points of a sweep and print its tables; the word run is optional."""
    from gensweep.execute.driver import run
    from gensweep.execute.dry_run import dry_run
    from gensweep.execute.limits import parse_duration
    from gensweep.execute.resources import Resources, RunOptions
    from gensweep.tracking.settings import Tracking, explain_disabled

    sweep = read_changed_sweep(file, set_, seeds)
    mode = wandb.value if wandb else None
    resources = Resources(
        device=device.value,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        max_concurrent=max_concurrent,
        pack=_choose_pack(sweep, pack),
        keep=check_keep("--keep", sweep.keep if keep is None else keep),
        address=_choose_cluster(context, address, local),
        retry_failed=retry_failed,
        retrain_changed=retrain_changed,
        verbose=verbose,
        tracking=Tracking.from_cli(
            mode, wandb_project, wandb_entity, sweep.name
        ),
    )
    _check_needs_dry_run(dry, {"--calibrate": calibrate, "--json": as_json})
    note = explain_disabled(mode)
    options = RunOptions(
        results,
        _parse_filters(filter_),
        local,
        format_command_line(sys.argv[1:]),
        resources,
        order=order,
        time_budget=parse_duration("--time-budget", time_budget),
        max_failures=max_failures,
        notify=notify,
        notes=(note,) if note else (),
    )
    if dry:
        dry_run(sweep, options, Console(), calibrate, as_json)
    else:
        raise typer.Exit(run(sweep, options, Console()))


def _check_needs_dry_run(is_dry: bool, options: dict[str, bool]) -> None:
    """Raise UserError if an option is set that only a dry run has."""
    for option, is_set in options.items():
        if is_set and not is_dry:
            raise UserError(f"{option} needs --dry-run")


def _choose_pack(sweep: Sweep, pack: str | None) -> int | str:
    from gensweep.sweep.arguments import check_pack
    from gensweep.sweep.load import parse_value

    if pack is None:
        return sweep.pack
    return check_pack("--pack", parse_value(pack))


def _parse_filters(texts: list[str] | None) -> list[tuple[str, list[str]]]:
    filters: list[tuple[str, list[str]]] = []
    # One at a time: a key may come twice in filters, then both must hold.
    for text in texts or []:
        filters += parse_pairs("--filter", [text]).items()
    return filters


def _choose_cluster(
    context: typer.Context, address: str | None, local: bool
) -> str | None:
    """Return the address of the cluster to train on; None with --local.

    RAY_ADDRESS, which Ray sets in its jobs, does not contradict --local; --address does.
    """
    source = context.get_parameter_source("address")
    if local and source and source.name == "COMMANDLINE":
        raise UserError(
            "--local trains without Ray, but --address names a Ray cluster: use only one of them"
        )
    return None if local else address
