"""Waves: points of a run that are trained together, with their packs and their data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType

from gensweep.core.dataset import DatasetArrays
from gensweep.execute.datasets import prepare_datasets, publish_datasets
from gensweep.execute.executor_choice import choose_executor
from gensweep.execute.limits import Limits
from gensweep.execute.memory_budget import MemoryBudget, make_memory_budget
from gensweep.execute.notify import Notifier
from gensweep.execute.origins import add_origins
from gensweep.execute.plan import (
    Plan,
    count_parallel_trials,
    make_local_packs,
)
from gensweep.execute.plan_messages import print_shared_epochs
from gensweep.execute.rates import collect_rates, read_all_records
from gensweep.execute.resources import RunOptions
from gensweep.execute.rounds import train_in_rounds
from gensweep.execute.search_progress import SearchWatch
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest import SWEEP
from gensweep.ledger.manifest_data import describe_data
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.sweep.point import Pack
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import Console
from gensweep.system.text import print_line


@dataclass(frozen=True)
class Wave:
    """Points that are trained together: all of a grid, or what a search asks for at once.

    Attributes:
        options: the options of the run, with the memory budget and the executor.
        packs: those that this machine trains; a cluster makes others.
        arrays: the prepared datasets by `Point.data_key`.
    """

    sweep: Sweep
    plan: Plan
    options: RunOptions
    packs: list[Pack]
    arrays: dict[str, DatasetArrays]


def prepare_wave(
    sweep: Sweep,
    plan: Plan,
    ledger: Ledger,
    options: RunOptions,
    console: Console,
) -> Wave:
    """Return a wave, with its memory budget and its data.

    Raises:
        UserError: this machine has too little memory, or too few cores.
    """
    options, packs = _apply_records(sweep, plan, ledger, options, console)
    arrays = prepare_datasets(plan.todo, console)
    return Wave(sweep, plan, options, packs, arrays)


def write_wave(wave: Wave, ledger: Ledger, console: Console) -> None:
    """Write down what the sweep contains, and show its datasets."""
    store, sweep, plan, options = (
        ledger.store,
        wave.sweep,
        wave.plan,
        wave.options,
    )
    write_sweep_json(
        store, sweep, options.command, describe_data(plan.todo, wave.arrays)
    )
    ledger.clean(
        plan.state.records.keys() - {point.id for point in plan.todo}
    )
    publish_datasets(sweep, plan.points, wave.arrays, store, console)


def train_wave(
    wave: Wave,
    executor: ModuleType,
    ledger: Ledger,
    limits: Limits,
    notifier: Notifier,
    console: Console,
    searches: SearchWatch,
) -> str | None:
    """Train every point of a wave.

    Returns:
        Why not every point was started; None if every point was.
    """
    sweep, plan, options = wave.sweep, wave.plan, wave.options
    packs = wave.packs
    if options.is_on_cluster:
        # Only now is it known what the cluster has.
        lanes = executor.compute_max_lanes(
            options.resources, len(plan.courses)
        )
        packs = plan.make_packs(lanes)
    print_shared_epochs(plan, console)
    sweep_json = f"{sweep.name}/{SWEEP}"
    execute = executor.execute
    return train_in_rounds(
        plan,
        packs,
        ledger,
        sweep_json,
        options,
        execute,
        limits,
        notifier,
        console,
        searches,
    )


def _apply_records(
    sweep: Sweep,
    plan: Plan,
    ledger: Ledger,
    options: RunOptions,
    console: Console,
) -> tuple[RunOptions, list[Pack]]:
    """Return the options with what records tell, and the packs that this machine trains.

    Records tell how long trials take, and so whether Ray is worth its start; what memory they
    need; and which trainings go on from other points' checkpoints. If a cluster trains, there are
    no packs.
    """
    resources = options.resources
    records = read_all_records(ledger, plan.state)
    add_origins(plan, ledger, records, sweep.points())
    rates = collect_rates(records, resources.device_kind)
    budget = make_memory_budget(plan, rates, options)
    choice = choose_executor(
        plan, rates, budget, options, may_grow=bool(sweep.searches)
    )
    options = replace(options, executor=choice.executor)
    if options.local:
        # Without Ray's processes there is more memory.
        budget = make_memory_budget(plan, rates, options)
    if choice.reason:
        line = f"Training in this process, without Ray: {choice.reason}. --ray uses Ray."
        print_line(console, line)
    packs: list[Pack] = []
    if not options.is_on_cluster:
        packs = make_local_packs(plan, options, budget)
        _check_memory(plan, packs, budget, options, console)
    resources = replace(resources, memory_budget=budget)
    return replace(options, resources=resources), packs


def _check_memory(
    plan: Plan,
    packs: list[Pack],
    budget: MemoryBudget,
    options: RunOptions,
    console: Console,
) -> None:
    """Print a line if memory allows fewer trials at once than cores do.

    Raises:
        UserError: this machine has too little memory, or too few cores.
    """
    limit = min(count_parallel_trials(plan, options), len(packs))
    requested = options.resources.max_concurrent
    if options.local:
        requested = None
    fitting = budget.check(packs, limit, requested)
    if fitting < limit:
        need = budget.describe_largest(packs)
        line = f"{need}: {fitting} of the largest fit at once, there are cores for {limit}."
        print_line(console, line)
