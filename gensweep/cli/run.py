"""`run`: train the missing points of a sweep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

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
from gensweep.execute.order import Order
from gensweep.system.terminal import Console, format_command_line

if TYPE_CHECKING:
    from gensweep.execute.resources import RunOptions
    from gensweep.sweep.spec import Sweep

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
    from gensweep.core.values import parse_value
    from gensweep.execute.make_options import make_run_options

    sweep = read_changed_sweep(file, set_, seeds)
    _check_needs_dry_run(dry, {"--calibrate": calibrate, "--json": as_json})
    arguments = {
        "results": results,
        "filter": _parse_filters(filter_),
        "device": device.value,
        "cpus_per_trial": cpus_per_trial,
        "gpus_per_trial": gpus_per_trial,
        "max_concurrent": max_concurrent,
        "pack": parse_value(pack) if pack is not None else None,
        "keep": keep,
        "address": _find_typed_address(context, address, local),
        "local": local,
        "ray": ray,
        "order": order,
        "time_budget": time_budget,
        "stop_after_failures": max_failures,
        "notify": notify,
        "retry_failed": retry_failed,
        "retrain_changed": retrain_changed,
        "wandb": wandb.value if wandb else None,
        "wandb_project": wandb_project,
        "wandb_entity": wandb_entity,
        "verbose": verbose,
    }
    command = format_command_line(sys.argv[1:])
    options = make_run_options(sweep, cast(Any, arguments), command)
    if dry:
        _show_plan(sweep, options, calibrate, as_json)
    else:
        raise typer.Exit(_train(sweep, options))


def _show_plan(
    sweep: Sweep, options: RunOptions, calibrate: bool, as_json: bool
) -> None:
    from gensweep.execute.dry_run import dry_run
    from gensweep.system.garbage import pause_collection

    # A plan of 100,000 points creates millions of objects, and all of them stay to its end.
    with pause_collection():
        dry_run(sweep, options, Console(), calibrate, as_json)


def _train(sweep: Sweep, options: RunOptions) -> int:
    from gensweep.execute.driver import run

    return run(sweep, options, Console())


def _check_needs_dry_run(is_dry: bool, options: dict[str, bool]) -> None:
    """Raise UserError if an option is set that only a dry run has."""
    for option, is_set in options.items():
        if is_set and not is_dry:
            raise UserError(f"{option} needs --dry-run")


def _parse_filters(texts: list[str] | None) -> list[tuple[str, list[str]]]:
    filters: list[tuple[str, list[str]]] = []
    # Each text is parsed alone, because several filters may name one key. All of them must hold.
    for text in texts or []:
        filters += parse_pairs("--filter", [text]).items()
    return filters


def _find_typed_address(
    context: typer.Context, address: str | None, local: bool
) -> str | None:
    """Return the address of a cluster; with --local only one that was typed.

    RAY_ADDRESS, which Ray sets in its jobs, does not contradict --local; --address does.
    """
    source = context.get_parameter_source("address")
    is_typed = source is not None and source.name == "COMMANDLINE"
    return None if local and not is_typed else address
