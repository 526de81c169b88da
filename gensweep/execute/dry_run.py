"""The dry run: print which points and trials a run would train, their time and memory."""

from __future__ import annotations

from gensweep.core.errors import DataError, ResultsError, UserError
from gensweep.execute.memory_budget import MemoryBudget, make_memory_budget
from gensweep.execute.plan import Plan, count_parallel_trials, make_local_packs, plan_run
from gensweep.execute.plan_messages import print_code_changes, print_unreadable
from gensweep.execute.rates import Rates, load_rates
from gensweep.execute.resources import Resources, RunOptions
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest_writer import describe_replaced_points
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import DIVERGED, FAILED, MISSING, OK
from gensweep.ledger.store_check import require_writable
from gensweep.ledger.stores import as_results_error
from gensweep.sweep.load import filter_points
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import Console
from gensweep.system.text import format_duration, pluralize, print_line

_STATUS_WORDS = {OK: "done", MISSING: "missing", FAILED: "failed", DIVERGED: "diverged"}


def dry_run(sweep: Sweep, options: RunOptions, calibrate: bool, console: Console) -> None:
    """Print the plan. Write and start nothing.

    Args:
        sweep: the sweep to plan.
        options: the options of the run.
        calibrate: time a few training steps of every unknown shape.
        console: where to print.
    """
    ledger = Ledger(open_store(options.results))
    with as_results_error(ledger.store):
        plan = plan_run(filter_points(sweep, options.filters), ledger, options)
    print_unreadable(plan, console)
    _print_status(sweep, plan, console)
    print_code_changes(plan, options, console)
    if plan.state.running:
        count = len(plan.state.running)
        print_line(console, f"Another run is training {count} of the missing points now.")
    _print_replaced_points(sweep, ledger, options, console)

    resources = options.resources
    rates = load_rates(ledger, plan.state, resources.device_kind)
    limit = count_parallel_trials(plan, options)
    budget = make_memory_budget(plan, rates, options)
    packs = make_local_packs(plan, options, budget)
    limit = min(limit, max(1, len(packs)))
    concurrent = limit
    if not options.is_on_cluster:
        concurrent = max(1, budget.count_fitting(packs, limit))
    todo, trials = pluralize(len(plan.todo), "point"), pluralize(len(packs), "trial")
    print_line(console, f"To train: {todo} in {trials}, {concurrent} at once here.")
    if options.is_on_cluster:
        print_line(
            console,
            f"The cluster at {resources.address} was not asked: "
            "trials, times and memory are this machine's.",
        )
    _print_unusable_data(plan.todo, console)
    if plan.todo:
        _print_refusals(ledger, options, console)
        _print_time(plan, packs, rates, concurrent, calibrate, resources, console)
        _print_memory(packs, budget, limit, options, console)


def _print_status(sweep: Sweep, plan: Plan, console: Console) -> None:
    counts = plan.count_statuses()
    states = ", ".join(f"{counts[status]} {word}" for status, word in _STATUS_WORDS.items())
    print_line(
        console, f"Sweep {sweep.name}: {pluralize(len(plan.points), 'point')} wanted, {states}."
    )


def _print_replaced_points(
    sweep: Sweep, ledger: Ledger, options: RunOptions, console: Console
) -> None:
    """Print which points would leave the sweep's tables, or why a run would be refused."""
    try:
        note = describe_replaced_points(ledger.store, sweep, options.command)
    except ResultsError as error:
        print_line(console, f"A run would be refused: {error}", "yellow")
        return
    if note:
        print_line(console, note, "yellow")


def _print_refusals(ledger: Ledger, options: RunOptions, console: Console) -> None:
    """Print why a run would refuse its options or its results root."""
    try:
        require_writable(ledger.store)
        if not options.is_on_cluster:
            options.resources.check_device()
    except (ResultsError, UserError) as error:
        print_line(console, f"A run would be refused: {error}", "yellow")


def _print_unusable_data(points: list[Point], console: Console) -> None:
    """Print which datasets a run could not use."""
    configs = {point.data_key: point.data_config() for point in points}
    for data in configs.values():
        try:
            data.check()
        except DataError as error:
            print_line(console, f"A run could not start: {error}", "yellow")


def _print_time(
    plan: Plan,
    packs: list[Pack],
    rates: Rates,
    concurrent: int,
    calibrate: bool,
    resources: Resources,
    console: Console,
) -> None:
    source = "from earlier records of this machine"
    if calibrate:
        from gensweep.execute.calibrate import calibrate as time_steps  # imports torch

        shapes = time_steps(plan.todo, rates, resources.device, resources.cpus_per_trial)
        if shapes:
            source += f", and a few training steps of {pluralize(shapes, 'shape')}"
    estimate = rates.estimate(packs)
    known = len(plan.todo) - estimate.unknown
    if known:
        wall = format_duration(estimate.compute_wall_seconds(concurrent))
        print_line(console, f"Time: about {wall} for {pluralize(known, 'point')} ({source}).")
    if estimate.unknown:
        hint = "" if calibrate else "; --calibrate tries a few steps of each"
        print_line(
            console,
            f"Time: unknown for {pluralize(estimate.unknown, 'point')} "
            f"(no record of their shape on this machine{hint}).",
        )


def _print_memory(
    packs: list[Pack], budget: MemoryBudget, limit: int, options: RunOptions, console: Console
) -> None:
    """Print what the largest trial needs, and if memory allows fewer trials than cores do."""
    print_line(console, f"{budget.describe_largest(packs)}.")
    if options.is_on_cluster:
        return
    requested = None if options.local else options.resources.max_concurrent
    try:
        fitting = budget.check(packs, limit, requested)
    except UserError as error:
        print_line(console, f"A run would be refused: {error}", "yellow")
        return
    if fitting < limit:
        print_line(
            console,
            f"{fitting} of the largest fit at once, there are cores for {limit}.",
            "yellow",
        )
