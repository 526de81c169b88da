"""The plan: which points of a sweep are to be trained, and in which trials."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from gensweep.core.errors import UserError
from gensweep.execute.memory_budget import MemoryBudget
from gensweep.execute.order import Order
from gensweep.execute.packing import choose_pack_limit, pack_courses
from gensweep.execute.rates import get_data_share
from gensweep.execute.resources import Resources, RunOptions
from gensweep.ledger.expected_records import ExpectedRecords
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.state import State
from gensweep.ledger.status import Status
from gensweep.sweep.code_fingerprint import (
    OTHER,
    SAME,
    UNKNOWN,
    compare,
    compute_fingerprint,
    list_changed_parts,
)
from gensweep.sweep.courses import Course, Origin, count_epochs, group_courses
from gensweep.sweep.point import AUTO, Pack, Point
from gensweep.system.environment import count_gpus, count_usable_cores
from gensweep.system.text import pluralize


@dataclass
class Plan:
    """The wanted points, and which of them are to be trained.

    Attributes:
        points: the points that this call wants.
        state: what the ledger knows about them.
        todo: points to train now: all that are missing. Points that failed, or that were
            trained by other code, are among them if the user asked for it.
        order: in which order points are started.
        origins: id of a point to train -> other points' checkpoints that its course may go on from.
    """

    points: list[Point]
    state: State
    todo: list[Point]
    origins: dict[str, tuple[Origin, ...]] = field(default_factory=dict)
    order: Order = Order.longest

    def make_packs(self, limit: int = 1) -> list[Pack]:
        """Return the packs to train, each of at most ``limit`` lanes, in the plan's order."""
        point_of_shape = {point.shape_key: point for point in self.todo}
        step_costs = {
            shape: point.model_config().estimate_step_cost()
            for shape, point in point_of_shape.items()
        }

        def estimate_pack(pack: Pack) -> float:
            total = 0.0
            for course in pack.courses:
                longest = course[-1]
                epochs = longest.last_epoch
                if self.origins:
                    origins = self.origins.get(course[0].id, ())
                    epochs = count_epochs(course, origins)
                share = get_data_share(longest.params)
                total += step_costs[longest.shape_key] * share * epochs
            return total

        packs = pack_courses(self.courses, limit)
        # Longest first: otherwise a long trial may run alone at the end.
        packs.sort(key=estimate_pack, reverse=True)
        if self.order == Order.seeds:
            packs.sort(
                key=lambda pack: min(point.seed for point in pack.points)
            )
        elif self.order == Order.random:
            packs.sort(key=lambda pack: _shuffle_key(pack.points[0]))
        if not self.origins:
            return packs
        return [self._add_origins(pack) for pack in packs]

    def _add_origins(self, pack: Pack) -> Pack:
        ids = [point.id for point in pack.points if point.id in self.origins]
        if not ids:
            return pack
        return Pack(
            pack.points,
            {point_id: self.origins[point_id] for point_id in ids},
        )

    @cached_property
    def courses(self) -> list[Course]:
        """The points to train, in courses: each is one training."""
        return group_courses(self.todo)

    def count_epochs(self) -> int:
        """Return how many epochs a run trains."""
        epochs = 0
        for course in self.courses:
            epochs += count_epochs(course, self.origins.get(course[0].id, ()))
        return epochs

    def get_status(self, point: Point) -> str:
        """Return `ok`, `diverged`, `failed`, or `missing`."""
        record = self.state.records.get(point.id)
        return record.status if record else Status.MISSING

    def count_statuses(self) -> Counter[str]:
        """Return the number of points of each status."""
        return Counter(self.get_status(point) for point in self.points)

    def summarize(self) -> str:
        """Return in words how many of the wanted points are done."""
        counts = self.count_statuses()
        parts = [
            f"{counts[Status.OK]} of {pluralize(len(self.points), 'point')} done"
        ]
        for status in (Status.FAILED, Status.DIVERGED, Status.MISSING):
            if counts[status]:
                parts.append(f"{counts[status]} {status}")
        return ", ".join(parts)

    def group_by_code(self) -> dict[str, list[Point]]:
        """Return the points that have a record, by how its code compares with today's.

        The keys are `same`, `other` and `unknown`.
        """
        codes: dict[str, list[Point]] = {SAME: [], OTHER: [], UNKNOWN: []}
        for point in self.points:
            record = self.state.records.get(point.id)
            if record:
                codes[_compare_code(record)].append(point)
        return codes

    def list_changed_code(self, points: Iterable[Point]) -> list[str]:
        """Return the parts of the code that changed since these points were trained.

        The most frequent part comes first.
        """
        parts: Counter[str] = Counter()
        for point in points:
            record = self.state.records[point.id]
            today = compute_fingerprint(point.model, point.params["dataset"])
            parts.update(list_changed_parts(record.code or {}, today or {}))
        return [part for part, _ in parts.most_common()]


def _compare_code(record: Record) -> str:
    return compare(record.code, record.model, record.params["dataset"])


def make_plan(
    points: list[Point],
    ledger: Ledger,
    retry_failed: bool = False,
    retrain_changed: bool = False,
    order: Order = Order.longest,
) -> Plan:
    """Compare the wanted points with the ledger.

    Args:
        points: the wanted points.
        ledger: the ledger with their records.
        retry_failed: train points again that failed.
        retrain_changed: train points again whose record is not known to be of today's code.
        order: in which order points are started.

    Raises:
        NewerSchemaError: a record was written by a later gensweep.
        StoreError: a remote results root does not answer, or refuses access.
    """
    state = ledger.read(ExpectedRecords(points))
    todo = []
    for point in points:
        record = state.records.get(point.id)
        if (
            record is None
            or (retry_failed and record.status == Status.FAILED)
            or (retrain_changed and _compare_code(record) != SAME)
        ):
            todo.append(point)
    return Plan(points, state, todo, order=order)


def plan_run(
    points: list[Point], ledger: Ledger, options: RunOptions
) -> Plan:
    """Return the plan of a run; raises as `make_plan`."""
    resources = options.resources
    return make_plan(
        points,
        ledger,
        resources.retry_failed,
        resources.retrain_changed,
        options.order,
    )


def _shuffle_key(point: Point) -> str:
    """Return a key that shuffles points, always in the same way."""
    return hashlib.sha256(point.id.encode()).hexdigest()


def estimate_cost(point: Point) -> float:
    """Return a relative cost, from sizes alone; it is good enough to order trials by."""
    model = point.model_config()
    return (
        model.estimate_step_cost()
        * point.last_epoch
        * get_data_share(point.params)
    )


def count_machine_slots(resources: Resources) -> int:
    """Return how many trials this machine can train at once.

    Raises:
        UserError: a trial requests more cores than the machine has.
    """
    cores = count_usable_cores()
    gpus_per_trial = 0.0
    if resources.device_kind == "cuda":
        gpus_per_trial = resources.gpus_per_trial or 1
    if resources.cpus_per_trial > cores and resources.address is None:
        raise UserError(
            f"--cpus-per-trial {resources.cpus_per_trial}: this machine has {cores} cores"
        )
    return resources.count_slots(cores, count_gpus(), gpus_per_trial)


def count_parallel_trials(plan: Plan, options: RunOptions) -> int:
    """Return how many trials of the plan there are cores and GPUs for; memory is not counted."""
    if options.local:
        return 1
    return min(
        count_machine_slots(options.resources), max(1, len(plan.courses))
    )


def make_local_packs(
    plan: Plan, options: RunOptions, budget: MemoryBudget
) -> list[Pack]:
    """Return the packs that this machine trains.

    If the user did not choose the number of lanes, no pack has more than fit into memory.
    """
    resources = options.resources
    slots = count_parallel_trials(plan, options)
    limit = choose_pack_limit(
        resources.pack, resources.device_kind, len(plan.courses), slots
    )
    packs = plan.make_packs(limit)
    while (
        limit > 1
        and resources.pack == AUTO
        and not budget.count_fitting(packs, 1)
    ):
        limit = (limit + 1) // 2
        packs = plan.make_packs(limit)
    return packs
