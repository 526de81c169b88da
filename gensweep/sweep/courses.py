"""Courses: points that one training passes through, and the checkpoints it may start from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gensweep.sweep.point import Point

Course = tuple["Point", ...]
"""Points that one training passes through, the shortest first: each is the start of the next."""


CourseKey = tuple[int, str]
"""The seed of a course, and everything that its points share."""


class Origin(NamedTuple):
    """A checkpoint of another point, which is the start of a longer training.

    Attributes:
        point_id: the point that it was trained for.
        epoch: the epochs behind it; None: nobody knows before it is read, since that training was
            interrupted.
    """

    point_id: str
    epoch: int | None


def group_courses(points: Iterable[Point]) -> list[Course]:
    """Return every point in a course, each course once, in the order of their first points."""
    groups: dict[CourseKey, list[Point]] = {}
    for point in points:
        groups.setdefault(point.course_key, []).append(point)
    for group in groups.values():
        if len(group) > 1:
            group.sort(key=lambda point: point.last_epoch)
    return [tuple(group) for group in groups.values()]


def assign_starts(
    ends: Sequence[int], starts: Sequence[int]
) -> list[tuple[list[int], int | None]]:
    """Return which points one training can serve, and the checkpoint that it starts from.

    There is more than one training only if a checkpoint is beyond the end of some points: it cannot
    serve them, but it serves the others.

    Args:
        ends: the last epoch of each point of a course.
        starts: the epochs behind each checkpoint.

    Returns:
        For each training, indices of ``ends``, and an index of ``starts`` or None.
    """
    trainings: list[tuple[list[int], int | None]] = []
    remaining = list(range(len(ends)))
    # The furthest first; of equally far ones the first.
    for start in sorted(range(len(starts)), key=lambda index: -starts[index]):
        served = [
            index for index in remaining if ends[index] >= starts[start]
        ]
        if served:
            trainings.append((served, start))
            remaining = [index for index in remaining if index not in served]
    if remaining:
        trainings.append((remaining, None))
    return trainings


def count_epochs(course: Course, origins: Sequence[Origin] = ()) -> int:
    """Return how many epochs are trained to finish every point of a course."""
    if not origins:
        return course[-1].last_epoch
    ends = [point.last_epoch for point in course]
    starts = [origin.epoch or 0 for origin in origins]
    total = 0
    for served, start in assign_starts(ends, starts):
        total += max(ends[index] for index in served)
        if start is not None:
            total -= starts[start]
    return total
