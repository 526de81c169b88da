"""The dry run: print which points and trials a run would train, their time and memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from gensweep.core.errors import ResultsError
from gensweep.execute.executor import Executor
from gensweep.execute.origins import add_origins
from gensweep.execute.plan import plan_run
from gensweep.execute.plan_messages import (
    print_code_changes,
    print_shared_epochs,
    print_unreadable,
    print_unused_metrics,
)
from gensweep.execute.plan_report import (
    LocalWork,
    ModelAxes,
    PlanReport,
    make_plan_report,
)
from gensweep.execute.rates import read_all_records
from gensweep.execute.resources import RunOptions
from gensweep.execute.search_messages import describe_budget
from gensweep.execute.searching import Searcher, check_filters
from gensweep.ledger.dropped_points import describe_dropped_points
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.stores import as_results_error
from gensweep.plugins.loader import load_plugins
from gensweep.report.stats.power import POWER, compute_detectable_effect
from gensweep.sweep.filters import filter_points
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import Console
from gensweep.system.text import format_duration, pluralize, print_line

_MAX_VALUES_SHOWN = 8


def dry_run(
    sweep: Sweep,
    options: RunOptions,
    console: Console,
    calibrate: bool = False,
    as_json: bool = False,
) -> PlanReport:
    """Print the plan, and return it. Write and start nothing.

    Args:
        sweep: the sweep to plan.
        options: the options of the run.
        console: where to print.
        calibrate: time a few training steps of every unknown shape.
        as_json: print the plan as JSON, see `PlanReport`.
    """
    ledger = Ledger(open_store(options.results))
    load_plugins(sweep.plugins)
    check_filters(sweep, options.filters)
    declared = sweep
    # What is not the plan must not get into the JSON.
    searcher = Searcher(
        sweep, ledger, Console(stderr=True) if as_json else console
    )
    with as_results_error(ledger.store):
        sweep = searcher.peek()
        plan = plan_run(
            filter_points(sweep, options.filters), ledger, options
        )
    records = read_all_records(ledger, plan.state)
    add_origins(plan, ledger, records, sweep.points())
    report, work = make_plan_report(
        sweep.name,
        plan,
        ledger,
        records,
        options,
        calibrate,
        may_grow=bool(sweep.searches),
    )
    refusal, note = _describe_dropped_points(sweep, ledger, options)
    if refusal:
        report.refusals.insert(0, refusal)
    if as_json:
        print_line(console, json.dumps(report.to_dict(), indent=1))
        return report
    print_unreadable(plan, console)
    print_unused_metrics(declared, console)
    for search in declared.searches:
        print_line(console, describe_budget(search))
    searcher.print_progress()
    _print_status(report, declared, console)
    print_code_changes(plan, options, console)
    if note:
        print_line(console, note, "yellow")
    _print_work(report, options, console)
    print_shared_epochs(plan, console)
    if report.time:
        _print_time(report, calibrate, console)
        _print_memory(report, work, options, console)
    for reason in report.refusals:
        print_line(console, f"A run would be refused: {reason}", "yellow")
    return report


def _describe_dropped_points(
    sweep: Sweep, ledger: Ledger, options: RunOptions
) -> tuple[str | None, str | None]:
    """Return why a run would be refused, and which points would leave the sweep's tables."""
    try:
        return None, describe_dropped_points(
            ledger.store, sweep, options.command
        )
    except ResultsError as error:
        return str(error), None


def _print_status(report: PlanReport, sweep: Sweep, console: Console) -> None:
    counts = dict(report.statuses)
    wanted = pluralize(counts.pop("wanted"), "point")
    states = ", ".join(
        f"{count} {status}" for status, count in counts.items()
    )
    print_line(console, f"Sweep {report.sweep}: {wanted} wanted, {states}.")
    has_cells = bool(sweep.grids)
    for axes in report.models:
        print_line(console, describe_axes(axes, has_cells))
    seeds = {len(search.confirm_seeds) for search in sweep.searches} - {0}
    if has_cells:
        seeds = {len(axes.seeds) for axes in report.models if axes.cells > 1}
    for line in describe_power(seeds):
        print_line(console, line)
    if report.running:
        print_line(
            console,
            f"Another run is training {report.running} of the missing points now.",
        )


def describe_power(counts: Iterable[int]) -> Iterator[str]:
    """Yield which differences these numbers of seeds find."""
    for seeds in sorted(counts):
        if seeds < 2:
            yield "Power: one seed decides no question; two or more are needed."
            continue
        effect = compute_detectable_effect(seeds)
        yield (
            f"Power: {seeds} seeds find a difference of {effect:.1f} standard deviations in "
            f"{POWER:.0%} of cases (paired t-test at 5%, one question; sd of the difference "
            "over seeds)."
        )


def describe_axes(axes: ModelAxes, has_cells: bool = True) -> str:
    """Return a model's swept parameters in a line: `cae: lr 0.1, 0.2; 2 cells x 3 seeds`.

    Args:
        axes: the parameters.
        has_cells: whether all cells have the same seeds; trials of a search have others than
            their confirmation.
    """
    parts = [
        f"{name} {_shorten(values)}" for name, values in axes.axes.items()
    ]
    if not has_cells:
        return f"{axes.model}: {'; '.join(parts)}"
    size = f"{pluralize(axes.cells, 'cell')} x {pluralize(len(axes.seeds), 'seed')}"
    if axes.points != axes.cells * len(axes.seeds):
        # A filter may choose some seeds of some cells only.
        size = f"{pluralize(axes.points, 'point')} of {size}"
    parts.append(size)
    return f"{axes.model}: {'; '.join(parts)}"


def _shorten(values: list[Any]) -> str:
    if len(values) <= _MAX_VALUES_SHOWN:
        return ", ".join(map(str, values))
    if all(type(value) in (int, float) for value in values):
        return f"{min(values)} to {max(values)} ({len(values)} values)"
    hidden = len(values) - _MAX_VALUES_SHOWN
    shown = ", ".join(map(str, values[:_MAX_VALUES_SHOWN]))
    return f"{shown}, and {hidden} more"


def _print_work(
    report: PlanReport, options: RunOptions, console: Console
) -> None:
    todo = pluralize(report.points_to_train, "point")
    trials = pluralize(report.trials, "trial")
    print_line(
        console,
        f"To train: {todo} in {trials}, {report.parallel_trials} at once here.",
    )
    if report.points_to_train:
        print_line(console, _describe_executor(report))
    if options.is_on_cluster:
        print_line(
            console,
            f"The cluster at {options.resources.address} was not asked: "
            "trials, times and memory are this machine's.",
        )


def _describe_executor(report: PlanReport) -> str:
    """Return the line that says what would train."""
    if report.without_ray:
        return (
            f"A run would train in its own process, without Ray: {report.without_ray}. "
            "--ray uses Ray."
        )
    if report.executor == Executor.LOCAL:
        return "A run would train in its own process, without Ray."
    return "A run would train with Ray."


def _print_time(
    report: PlanReport, calibrate: bool, console: Console
) -> None:
    time = report.time
    if time is None:
        return
    source = "from earlier records of this machine"
    if time.calibrated_shapes:
        shapes = pluralize(time.calibrated_shapes, "shape")
        source += f", and a few training steps of {shapes}"
    if time.wall_seconds is not None:
        wall = format_duration(time.wall_seconds)
        points = pluralize(time.known_points, "point")
        print_line(console, f"Time: about {wall} for {points} ({source}).")
    if time.unknown_points:
        hint = "" if calibrate else "; --calibrate tries a few steps of each"
        points = pluralize(time.unknown_points, "point")
        print_line(
            console,
            f"Time: unknown for {points} (no record of their shape on this machine{hint}).",
        )


def _print_memory(
    report: PlanReport, work: LocalWork, options: RunOptions, console: Console
) -> None:
    """Print what the largest trial needs, and if memory allows fewer trials than cores do."""
    print_line(console, f"{work.budget.describe_largest(work.largest)}.")
    if options.is_on_cluster or report.refusals:
        return
    if report.parallel_trials < work.limit:
        print_line(
            console,
            f"{report.parallel_trials} of the largest fit at once, "
            f"there are cores for {work.limit}.",
            "yellow",
        )
