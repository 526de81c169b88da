"""Which points are trained together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from gensweep.sweep.point import MOST_LANES, Pack, Point


def pack_limit(asked: int | str, device: str, points: int, slots: int) -> int:
    """How many lanes a pack may have.

    Args:
        asked: a number, or `auto`: on a GPU as many as leave no trial without work, elsewhere one.
        device: `cpu`, `cuda` or `mps`.
        points: how many are to be trained.
        slots: trials at once.
    """
    if isinstance(asked, int):
        return asked
    return min(MOST_LANES, math.ceil(points / slots)) if device == "cuda" else 1


def make_packs(points: Iterable[Point], limit: int) -> list[Pack]:
    """Every point in one pack, with no more than ``limit`` lanes, and those of one model about equally large."""
    if limit <= 1:
        return [Pack((point,)) for point in points]
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.pack_key, []).append(point)
    return [pack for group in groups.values() for pack in _shared_out(group, limit)]


def _shared_out(group: list[Point], limit: int) -> Iterable[Pack]:
    """Lanes of like fractions and rates side by side: they take their steps together."""
    ordered = sorted(
        group,
        key=lambda p: (
            -p.params["train_fraction"],
            p.params["lr"],
            p.params.get("muon_lr", 0),
            p.seed,
        ),
    )
    count = math.ceil(len(ordered) / limit)
    places = [len(ordered) * pack // count for pack in range(count + 1)]
    return [Pack(tuple(ordered[start:end])) for start, end in pairwise(places)]
