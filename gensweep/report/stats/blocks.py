"""Complete blocks: the largest part of the runs in which every seed has every level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import (
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

MAX_CANDIDATES = 50
"""Most sets of levels of either kind that are compared."""
Row = tuple[int, Hashable]
"""Seed and setting."""
_Values = dict[Row, dict[Hashable, list[float]]]
"""Row -> level -> the values of its runs."""


@dataclass(frozen=True)
class Block:
    """Levels that every selected seed has, averaged over the rest.

    Attributes:
        levels: values of the axis, sorted [levels].
        seeds: sorted [seeds].
        values: mean of the seed's runs at the level [seeds, levels].
        points: number of values that were used.
        left_out: number of values that have no partner at the other levels.
    """

    levels: list
    seeds: list[int]
    values: np.ndarray
    points: int
    left_out: int


def select_block(
    runs: Iterable[tuple[int, Hashable, Hashable, float]],
    is_usable: Callable[[frozenset], bool] = lambda levels: len(levels) > 1,
) -> Block:
    """Return the largest part of the runs in which nothing is missing.

    A row is a seed and a setting; it holds some of the levels. The candidates are the sets of
    levels that a row, or the fullest rows together, have. The selected set has the most
    ``(levels - 1) (seeds - 1)``, then the most seeds, then the most values. The selected rows are
    those with all of its levels. The rows of a seed are averaged: they have the same settings at
    all levels.

    Args:
        runs: (seed, setting, level, value) each.
        is_usable: tells whether a set of levels can answer the question; a set that cannot is
            selected only if there is no other.
    """
    values: _Values = defaultdict(lambda: defaultdict(list))
    total = 0
    for seed, setting, level, value in runs:
        values[seed, setting][level].append(value)
        total += 1
    rows_with: dict[frozenset, list[Row]] = defaultdict(list)
    for row, by_level in values.items():
        rows_with[frozenset(by_level)].append(row)
    levels: frozenset = frozenset()
    rows: list[Row] = []
    best_score = (False, -1, -1, -1)
    for candidate in _iter_candidates(rows_with):
        members = _list_members(rows_with, candidate)
        seed_count = len({seed for seed, _ in members})
        score = (
            is_usable(candidate),
            (len(candidate) - 1) * (seed_count - 1),
            seed_count,
            len(candidate) * len(members),
        )
        if score > best_score:
            best_score, levels, rows = score, candidate, members
    return _average(values, sorted(levels), rows, total)


def _list_members(
    rows_with: Mapping[frozenset, Sequence[Row]], levels: frozenset
) -> list[Row]:
    """Return the rows that have all of these levels, and perhaps more."""
    members = []
    for pattern, rows in rows_with.items():
        if levels <= pattern:
            members += rows
    return members


def _average(
    values: _Values, levels: list, rows: list[Row], total: int
) -> Block:
    """Return the block of these rows and levels, each seed averaged over its rows."""
    seeds = sorted({seed for seed, _ in rows})
    rows_of: dict[int, list[list[float]]] = {seed: [] for seed in seeds}
    points = 0
    for row in rows:
        seed, _ = row
        by_level = values[row]
        rows_of[seed].append(
            [_compute_mean(by_level[level]) for level in levels]
        )
        points += sum(len(by_level[level]) for level in levels)
    means = [np.mean(rows_of[seed], axis=0) for seed in seeds]
    # Without rows, the array would have one dimension.
    table = np.array(means, float).reshape(len(seeds), len(levels))
    return Block(levels, seeds, table, points, total - points)


def _compute_mean(values: list[float]) -> float:
    """Return a mean; most often there is one value, and NumPy takes long for so few."""
    return values[0] if len(values) == 1 else float(np.mean(values))


def _iter_candidates(
    rows_with: Mapping[frozenset, Sequence[Row]],
) -> Iterator[frozenset]:
    """Yield the most common sets of levels, then what the fullest sets have in common.

    The number of each is bounded, so that many gaps do not cost much time.
    """
    yield from sorted(rows_with, key=lambda levels: -len(rows_with[levels]))[
        :MAX_CANDIDATES
    ]
    fullest = sorted(rows_with, key=lambda levels: -len(levels))[
        :MAX_CANDIDATES
    ]
    yield from accumulate(fullest, frozenset.intersection)
