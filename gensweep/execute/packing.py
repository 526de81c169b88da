"""Packs: the points that one trial trains together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from gensweep.sweep.courses import Course, group_courses
from gensweep.sweep.point import MAX_LANES, Pack, Point


def choose_pack_limit(
    requested: int | str, device: str, points: int, slots: int
) -> int:
    """Return how many lanes a pack may have.

    Args:
        requested: a number, or `auto`: on a GPU as many as possible while every slot still
            gets a trial, on other devices one.
        device: `cpu`, `cuda` or `mps`.
        points: how many points are to be trained.
        slots: trials at once.
    """
    if isinstance(requested, int):
        return requested
    if device != "cuda":
        return 1
    return min(MAX_LANES, math.ceil(points / slots))


def make_packs(points: Iterable[Point], limit: int) -> list[Pack]:
    """Return every point in one pack of at most ``limit`` lanes.

    A lane is a course: points that one training passes through. Packs of one model are about
    equally large.
    """
    return pack_courses(group_courses(points), limit)


def pack_courses(courses: Iterable[Course], limit: int) -> list[Pack]:
    """Return every course in one pack, as `make_packs`."""
    if limit <= 1:
        return [Pack.of_courses([course]) for course in courses]
    groups: dict[str, list[Course]] = {}
    for course in courses:
        groups.setdefault(course[-1].pack_key, []).append(course)
    packs: list[Pack] = []
    for group in groups.values():
        packs.extend(_split_group(group, limit))
    return packs


def _split_group(group: list[Course], limit: int) -> list[Pack]:
    """Split courses that may share a pack into as few packs as possible."""
    # Neighbours share a pack: with similar fractions and rates they take their steps together.
    ordered = sorted(group, key=_make_sort_key)
    # In whole numbers: a float loses a limit that is too large for it.
    count = -(-len(ordered) // limit)
    bounds = [len(ordered) * pack // count for pack in range(count + 1)]
    packs = []
    for start, end in pairwise(bounds):
        packs.append(Pack.of_courses(ordered[start:end]))
    return packs


def _make_sort_key(course: Course) -> tuple[Any, ...]:
    params, seed = course[0].params, course[0].seed
    fraction, lr = params.get("train_fraction", 1), params.get("lr", 0)
    return (-fraction, lr, params.get("muon_lr", 0), seed)
