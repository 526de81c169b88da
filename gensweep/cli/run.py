"""`run`: train the missing points of a sweep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

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
    Wandb,
    WandbMode,
    parse_pairs,
)
from gensweep.cli.run_options import (
    AsJson,
    Calibrate,
    Cpus,
    DryRun,
    File,
    Gpus,
    KeepFiles,
    Local,
    MaxConcurrent,
    MaxFailures,
    Notify,
    Seeds,
    StartOrder,
    TimeBudget,
    UseRay,
    VerboseRun,
)
from gensweep.core.errors import UserError
from gensweep.core.keep import check_keep
from gensweep.execute.executor import Executor
from gensweep.execute.order import Order
from gensweep.system.terminal import Console, format_command_line

if TYPE_CHECKING:
    from gensweep.execute.resources import RunOptions
    from gensweep.sweep.spec import Sweep
    from gensweep.tracking.settings import Tracking

app = typer.Typer()


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
    ray: UseRay = False,
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
    from gensweep.execute.limits import parse_duration
    from gensweep.execute.resources import Resources, RunOptions

    sweep = read_changed_sweep(file, set_, seeds)
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
        tracking=_choose_tracking(
            wandb, wandb_project, wandb_entity, sweep.name
        ),
    )
    _check_needs_dry_run(dry, {"--calibrate": calibrate, "--json": as_json})
    options = RunOptions(
        results,
        _parse_filters(filter_),
        _choose_executor(local, ray),
        format_command_line(sys.argv[1:]),
        resources,
        order=order,
        time_budget=parse_duration("--time-budget", time_budget),
        max_failures=max_failures,
        notify=notify,
        notes=_list_notes(wandb),
    )
    if dry:
        _show_plan(sweep, options, calibrate, as_json)
    else:
        raise typer.Exit(_train(sweep, options))


def _show_plan(
    sweep: Sweep, options: RunOptions, calibrate: bool, as_json: bool
) -> None:
    from gensweep.execute.dry_run import dry_run

    dry_run(sweep, options, Console(), calibrate, as_json)


def _train(sweep: Sweep, options: RunOptions) -> int:
    from gensweep.execute.driver import run

    return run(sweep, options, Console())


def _choose_tracking(
    mode: Wandb | None, project: str | None, entity: str | None, sweep: str
) -> Tracking:
    from gensweep.tracking.settings import Tracking

    name = mode.value if mode else None
    return Tracking.from_cli(name, project, entity, sweep)


def _list_notes(mode: Wandb | None) -> tuple[str, ...]:
    """Return the lines that a run prints when its training starts."""
    from gensweep.tracking.settings import explain_disabled

    note = explain_disabled(mode.value if mode else None)
    return (note,) if note else ()


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


def _choose_executor(local: bool, ray: bool) -> Executor:
    if local and ray:
        raise UserError(
            "--local trains without Ray, and --ray with it: use only one of them"
        )
    if local:
        return Executor.LOCAL
    return Executor.RAY if ray else Executor.AUTO


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
