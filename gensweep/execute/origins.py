"""Checkpoints of other points that a run may start from, instead of training their epochs again."""

from __future__ import annotations

from collections.abc import Iterable

from gensweep.core.errors import UserError
from gensweep.execute.plan import Plan
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.point_files import CHECKPOINT, POINTS
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store, as_results_error
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.sweep.courses import Course, CourseKey, Origin
from gensweep.sweep.point import Point


def add_origins(
    plan: Plan,
    ledger: Ledger,
    records: Iterable[Record],
    relatives: Iterable[Point],
) -> None:
    """Add to a plan the checkpoints of other points that its points may start from.

    A checkpoint is named if it is of the same training, but for the epochs, and of today's code.
    Whether it fits in every respect is known when it is read; otherwise its training starts anew.

    Args:
        plan: the plan.
        ledger: the ledger with the records.
        records: of all points of the results root.
        relatives: points that may have a checkpoint without a record: an interrupted training.
    """
    with as_results_error(ledger.store):
        # One listing of a bucket tells of all points.
        store = ledger.store.snapshot(POINTS)
        has_points = bool(store.list_folders(POINTS))
    if not plan.todo or not has_points:
        # In a new results root, 100,000 points need no look at each.
        return
    courses = {course[0].course_key: course for course in plan.courses}
    todo = {point.id for point in plan.todo}
    candidates: dict[CourseKey, list[Origin]] = {}
    with as_results_error(ledger.store):
        for key, origin in _find_by_record(store, records, courses, todo):
            candidates.setdefault(key, []).append(origin)
        known = todo | plan.state.records.keys()
        for point in relatives:
            if point.id in known or point.course_key not in courses:
                continue
            if store.exists(f"{POINTS}/{point.id}/{CHECKPOINT}"):
                candidates.setdefault(point.course_key, []).append(
                    Origin(point.id, None)
                )
    for key, origins in candidates.items():
        useful = _choose_useful(courses[key], origins)
        for point in courses[key]:
            if useful:
                plan.origins[point.id] = useful


def _find_by_record(
    store: Store,
    records: Iterable[Record],
    courses: dict[CourseKey, Course],
    todo: set[str],
) -> Iterable[tuple[CourseKey, Origin]]:
    """Yield the checkpoints of points that have a record, each with the key of its course."""
    wanted = {
        (course[0].model, course[0].seed) for course in courses.values()
    }
    for record in records:
        is_candidate = (
            record.status in (Status.OK, Status.FAILED) and record.epochs > 0
        )
        if (
            not is_candidate
            or record.id in todo
            or (record.model, record.seed) not in wanted
        ):
            continue
        if not store.exists(f"{POINTS}/{record.id}/{CHECKPOINT}"):
            continue
        try:
            point = Point.make(record.model, record.params, record.seed)
        except UserError:
            # This version does not know one of its parameters, or its data is not here.
            continue
        code = compute_fingerprint(point.model, point.params["dataset"])
        if (
            point.course_key in courses
            and point.id == record.id
            and record.code == code
        ):
            yield point.course_key, Origin(record.id, record.epochs)


def _choose_useful(
    course: Course, origins: list[Origin]
) -> tuple[Origin, ...]:
    """Return the furthest checkpoint for each point of a course, and those of unknown epochs."""
    useful = {origin for origin in origins if origin.epoch is None}
    for point in course:
        usable = [
            one
            for one in origins
            if one.epoch and one.epoch <= point.last_epoch
        ]
        if usable:
            useful.add(
                max(
                    usable,
                    key=lambda origin: (origin.epoch or 0, origin.point_id),
                )
            )
    return tuple(
        sorted(
            useful, key=lambda origin: (origin.epoch or 0, origin.point_id)
        )
    )
