"""The plan of a run, as data: the dry run prints it, and `--json` shows it as it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gensweep.core.errors import DataError, ResultsError, UserError
from gensweep.execute.executor import Executor
from gensweep.execute.executor_choice import (
    ExecutorChoice,
    choose_executor,
)
from gensweep.execute.memory_budget import MemoryBudget, make_memory_budget
from gensweep.execute.plan import (
    Plan,
    count_parallel_trials,
    make_local_packs,
)
from gensweep.execute.rates import Rates, collect_rates
from gensweep.execute.resources import RunOptions
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.store_check import (
    check_folders,
    list_folders,
    require_writable,
)
from gensweep.sweep.code_fingerprint import OTHER, UNKNOWN
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.swept import list_swept_values

PLAN_SCHEMA = 1
"""Version of the output of `--dry-run --json`."""


@dataclass
class ModelAxes:
    """The swept parameters of one model's points.

    Attributes:
        model: the model's name.
        axes: parameter -> its values, in the order of the points.
        cells: number of combinations.
        seeds: the seeds of its points.
        points: number of points.
    """

    model: str
    axes: dict[str, list[Any]]
    cells: int
    seeds: list[int]
    points: int


@dataclass
class TimeEstimate:
    """The estimated time of the points to train.

    Attributes:
        wall_seconds: the duration of a run for the points of known shape; None: none is known.
        known_points: number of points whose shape was timed on this machine.
        unknown_points: number of points whose shape was never timed.
        calibrated_shapes: number of shapes that were timed for this estimate.
    """

    wall_seconds: float | None
    known_points: int
    unknown_points: int
    calibrated_shapes: int = 0


@dataclass
class PlanReport:
    """The plan of a run.

    Attributes:
        sweep: the sweep's name.
        models: the axes of each model.
        statuses: number of points that are `wanted`, `done`, `missing`, `failed`, `diverged`.
        other_code, unknown_code: number of points with a record of other or unknown code.
        running: number of missing points that another run trains now.
        points_to_train, trials, parallel_trials: the work of a run.
        epochs_alone: epochs of these points, if each were trained alone from its beginning.
        epochs_to_train: epochs that a run trains, since points share epochs and checkpoints.
        time: an estimate of its duration; None if nothing is to be trained.
        memory_bytes: what the largest trial takes; None if nothing is to be trained.
        executor: `ray`, or `local`: this process trains, one trial at a time.
        without_ray: why a run does without Ray by itself; None if it does not.
        refusals: why a run would not start, one sentence each.
        schema: version of this output.
    """

    sweep: str
    models: list[ModelAxes]
    statuses: dict[str, int]
    other_code: int
    unknown_code: int
    running: int
    points_to_train: int
    trials: int
    parallel_trials: int
    epochs_alone: int
    epochs_to_train: int
    time: TimeEstimate | None = None
    memory_bytes: int | None = None
    executor: str = Executor.RAY
    without_ray: str | None = None
    refusals: list[str] = field(default_factory=list)
    schema: int = PLAN_SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LocalWork:
    """The trials of a plan on this machine.

    Attributes:
        packs: the trials.
        largest: those that take the most memory, as many as may run at once.
        limit: number of trials at once that there are cores or GPUs for.
        parallel: number of trials at once that also fit into memory.
        budget: the memory of the trials and of this machine.
        options: the options of the run, with its executor.
        choice: the executor.
    """

    packs: list[Pack]
    largest: list[Pack]
    limit: int
    parallel: int
    budget: MemoryBudget
    options: RunOptions
    choice: ExecutorChoice


def make_plan_report(
    name: str,
    plan: Plan,
    ledger: Ledger,
    records: list[Record],
    options: RunOptions,
    calibrate: bool,
    *,
    may_grow: bool = False,
) -> tuple[PlanReport, LocalWork]:
    """Return what a run would do, and the trials behind it. Nothing is written or started.

    Args:
        name: the sweep's name.
        plan: the wanted points, and which of them are to be trained.
        ledger: the ledger that the plan was made with.
        records: of all points of the results root.
        options: the options of the run.
        calibrate: time a few training steps of every unknown shape.
        may_grow: a search will ask for further points.
    """
    rates = collect_rates(records, options.resources.device_kind)
    shapes = 0
    if calibrate and plan.todo:
        shapes = _calibrate(plan, rates, options)
    work = _plan_local_work(plan, rates, options, may_grow)
    options = work.options
    counts = plan.count_statuses()
    codes = plan.group_by_code()
    report = PlanReport(
        sweep=name,
        models=list_model_axes(plan.points),
        statuses={
            "wanted": len(plan.points),
            "done": counts[Status.OK],
            "missing": counts[Status.MISSING],
            "failed": counts[Status.FAILED],
            "diverged": counts[Status.DIVERGED],
        },
        other_code=len(codes[OTHER]),
        unknown_code=len(codes[UNKNOWN]),
        running=len(plan.state.running),
        points_to_train=len(plan.todo),
        trials=len(work.packs),
        parallel_trials=work.parallel,
        epochs_alone=sum(point.last_epoch for point in plan.todo),
        epochs_to_train=plan.count_epochs(),
        executor=work.choice.executor,
        without_ray=work.choice.reason,
        refusals=_list_unusable_data(plan.todo),
    )
    if plan.todo:
        report.refusals += _list_refusals(name, ledger, options)
        report.time = _estimate_time(plan, work, rates, shapes)
        largest = work.largest[0]
        report.memory_bytes = work.budget.compute_required_bytes(largest)
        report.refusals += _list_memory_refusals(work, options)
    return report, work


def _estimate_time(
    plan: Plan, work: LocalWork, rates: Rates, shapes: int
) -> TimeEstimate:
    """Return how long the points to train take, as far as records tell.

    Args:
        plan: the points to train.
        work: their trials.
        rates: the seconds per epoch in earlier records.
        shapes: number of shapes that were timed for this plan.
    """
    estimate = rates.estimate(work.packs)
    known = len(plan.todo) - estimate.unknown
    wall_seconds = None
    if known:
        wall_seconds = estimate.compute_wall_seconds(work.parallel)
    return TimeEstimate(wall_seconds, known, estimate.unknown, shapes)


def list_model_axes(points: list[Point]) -> list[ModelAxes]:
    """Return the swept parameters of each model: those that differ between its points."""
    points_of_model: dict[str, list[Point]] = {}
    for point in points:
        points_of_model.setdefault(point.model, []).append(point)
    rows = []
    for model, group in points_of_model.items():
        cells = {point.cell: point for point in group}
        axes = list_swept_values([point.params for point in cells.values()])
        seeds = sorted({point.seed for point in group})
        rows.append(ModelAxes(model, axes, len(cells), seeds, len(group)))
    return rows


def _calibrate(plan: Plan, rates: Rates, options: RunOptions) -> int:
    """Time a few steps of every unknown shape; return how many shapes there were."""
    from gensweep.execute.calibrate import calibrate  # imports torch

    resources = options.resources
    return calibrate(
        plan.todo, rates, resources.device, resources.cpus_per_trial
    )


def _plan_local_work(
    plan: Plan, rates: Rates, options: RunOptions, may_grow: bool
) -> LocalWork:
    budget = make_memory_budget(plan, rates, options)
    choice = choose_executor(plan, rates, budget, options, may_grow=may_grow)
    options = replace(options, executor=choice.executor)
    if options.local:
        budget = make_memory_budget(plan, rates, options)
    packs = make_local_packs(plan, options, budget)
    limit = min(count_parallel_trials(plan, options), max(1, len(packs)))
    # All questions about memory are about these few; a plan may have 100,000 packs.
    largest = budget.select_largest(packs, limit)
    parallel = limit
    if not options.is_on_cluster:
        parallel = max(1, budget.count_fitting(largest, limit))
    return LocalWork(packs, largest, limit, parallel, budget, options, choice)


def _list_unusable_data(points: list[Point]) -> list[str]:
    """Return why datasets of these points cannot be used."""
    point_of_data = {point.data_key: point for point in points}
    reasons = []
    for point in point_of_data.values():
        try:
            point.data_config().check()
        except DataError as error:
            reasons.append(str(error))
    return reasons


def _list_refusals(
    sweep: str, ledger: Ledger, options: RunOptions
) -> list[str]:
    """Return why a run would refuse its results root or its options."""
    try:
        require_writable(ledger.store)
        check_folders(ledger.store, *list_folders(sweep))
        if not options.is_on_cluster:
            options.resources.check_device()
    except (ResultsError, UserError) as error:
        return [str(error)]
    return []


def _list_memory_refusals(work: LocalWork, options: RunOptions) -> list[str]:
    """Return why the trials do not fit into this machine's memory."""
    if options.is_on_cluster:
        return []
    requested = None if options.local else options.resources.max_concurrent
    try:
        work.budget.check(work.largest, work.limit, requested)
    except UserError as error:
        return [str(error)]
    return []
