"""Aggregates over cells, and how often one setting is better than another.

The interquartile mean leaves out the lowest and the highest quarter of the runs, so single failures
do not decide it and it uses more runs than the median (Agarwal et al. 2021, "Deep reinforcement
learning at the edge of the statistical precipice").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gensweep.report.summary import CONFIDENCE

MIN_RUNS = 10
"""With fewer runs, percentile intervals of a bootstrap cover much less than they say."""
RESAMPLES = 2000
_SEED = 20241213
"""Of the resampling: the same results give the same intervals."""


@dataclass(frozen=True)
class Aggregate:
    """A number of many runs, with its 95% interval.

    Attributes:
        value: the number.
        low: lower end; NaN with fewer than `MIN_RUNS` runs.
        high: upper end.
        runs: number of runs.
    """

    value: float
    low: float
    high: float
    runs: int


def compute_interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of the middle half of the last axis, without a quarter at either end.

    A value that lies on a quarter's border counts in part.

    Args:
        values: [..., runs], without NaN.
    """
    ordered = np.sort(values, axis=-1)
    runs = ordered.shape[-1]
    edges = np.arange(runs + 1) / runs
    # How much of each run's share lies between the quartiles.
    inside = np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25)
    return 2 * (ordered * np.maximum(0.0, inside)).sum(-1)


def aggregate(cells: Sequence[np.ndarray]) -> Aggregate:
    """Return the interquartile mean of the runs of cells.

    The interval is a stratified bootstrap's: runs are drawn anew within each cell (percentiles).

    Args:
        cells: the values over seeds of each, without NaN.
    """
    strata = [values for values in cells if len(values)]
    runs = sum(map(len, strata))
    if not runs:
        return Aggregate(math.nan, math.nan, math.nan, 0)
    value = float(compute_interquartile_mean(np.concatenate(strata)))
    if runs < MIN_RUNS or all(len(values) < 2 for values in strata):
        return Aggregate(value, math.nan, math.nan, runs)
    rng = np.random.default_rng(_SEED)
    drawn = [
        values[rng.integers(0, len(values), (RESAMPLES, len(values)))]
        for values in strata
    ]
    resampled = compute_interquartile_mean(np.concatenate(drawn, axis=1))
    low, high = np.quantile(
        resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    )
    return Aggregate(value, float(low), float(high), runs)


def compute_improvement(
    first: np.ndarray, second: np.ndarray, sign: int
) -> Aggregate:
    """Return how often the first of two settings is better than the second, P(first > second).

    Runs are paired: they share the seed and all else. A tie counts as half. The interval is
    Wilson's (Bouthillier et al. 2021 call 0.75 a meaningful improvement).

    Args:
        first: a value per pair.
        second: its partner.
        sign: +1 if larger is better, -1 if smaller is.
    """
    pairs = len(first)
    if not pairs:
        return Aggregate(math.nan, math.nan, math.nan, 0)
    difference = sign * (first - second)
    wins = float((difference > 0).sum() + 0.5 * (difference == 0).sum())
    share, square = wins / pairs, 1.959963984540054**2
    centre = (share + square / (2 * pairs)) / (1 + square / pairs)
    spread = math.sqrt(share * (1 - share) / pairs + square / (4 * pairs**2))
    half_width = math.sqrt(square) * spread / (1 + square / pairs)
    # Rounding must not leave an end a little above 0, or below 1, where it is exactly that.
    low = centre - half_width if wins else 0.0
    high = centre + half_width if wins < pairs else 1.0
    return Aggregate(share, low, high, pairs)


def compute_profile(
    values: np.ndarray, thresholds: np.ndarray, sign: int
) -> np.ndarray:
    """Return the share of runs that are at least as good as each threshold [thresholds]."""
    signed = sign * values[:, None] >= sign * thresholds
    return signed.mean(0)
