"""Uncertainty from the test set: would other test queries give the same share of right answers?

Seeds share one test set, so no spread over seeds shows it. It is seen in the outcomes of the
single queries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gensweep.report.summary import CONFIDENCE

NORMAL_QUANTILE = 1.959963984540054
"""Of the normal distribution at 0.975."""


@dataclass(frozen=True)
class ShareRight:
    """The share of right answers of a cell, with the two sources of its uncertainty.

    Attributes:
        mean: over seeds and queries.
        test_low: lower end of the 95% interval over test sets, for these trained networks.
        test_high: upper end.
        low: lower end of the 95% interval over seeds and test sets; NaN for one seed.
        high: upper end.
    """

    mean: float
    test_low: float
    test_high: float
    low: float
    high: float


def estimate_share(right: np.ndarray) -> ShareRight:
    """Return the share of right answers with its intervals.

    Over test sets: Wilson's interval (1927) with as many queries as give the standard error over
    queries, each averaged over seeds. Without a wrong answer, or without a right one, the end is
    the exact bound ``1 - 0.05 ** (1 / n)``, about ``3 / n`` ("rule of three"). Over both: seeds and
    queries are crossed random effects, each with its own quantile.

    Args:
        right: whether an answer was right, bool [seeds, queries].
    """
    from scipy.special import stdtrit

    values = right.astype(float)
    seeds, queries = values.shape
    mean = float(values.mean())
    by_query = values.mean(0)
    variance = (
        float(by_query.var(ddof=1)) / queries if queries > 1 else math.nan
    )
    test_low, test_high = _compute_test_interval(mean, variance, queries)
    if seeds < 2:
        return ShareRight(mean, test_low, test_high, math.nan, math.nan)
    by_seed = values.mean(1)
    of_seeds = float(by_seed.var(ddof=1)) / seeds
    rest = values - by_seed[:, None] - by_query + mean
    both = (
        float((rest**2).sum())
        / ((seeds - 1) * (queries - 1))
        / (seeds * queries)
    )
    # What seeds and queries do together is in both variances: it counts once.
    of_queries = max(0.0, variance - both)
    # Half-widths of independent parts add as squares, each with its own quantile (Howe 1974): one
    # quantile for the sum has too few degrees of freedom in it with two or three seeds.
    quantile = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2))
    half_width = math.sqrt(
        quantile**2 * of_seeds + NORMAL_QUANTILE**2 * of_queries
    )
    low, high = max(0.0, mean - half_width), min(1.0, mean + half_width)
    return ShareRight(
        mean, test_low, test_high, min(low, test_low), max(high, test_high)
    )


def _compute_test_interval(
    mean: float, variance: float, queries: int
) -> tuple[float, float]:
    """Return the interval of a share over test sets.

    Args:
        mean: the share.
        variance: of the share, over test sets.
        queries: number of queries.
    """
    bound = 1 - (1 - CONFIDENCE) ** (1 / queries)
    if mean == 1:
        return 1 - bound, 1.0
    if mean == 0:
        return 0.0, bound
    if not variance > 0:
        return math.nan, math.nan
    # The variance has n - 1 in its denominator, Wilson's interval has n.
    count = mean * (1 - mean) / variance * queries / (queries - 1)
    square = NORMAL_QUANTILE**2
    centre = (mean + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(mean * (1 - mean) / count + square / (4 * count**2))
    half_width = NORMAL_QUANTILE * spread / (1 + square / count)
    return centre - half_width, centre + half_width


@dataclass(frozen=True)
class PairedOutcomes:
    """Two cells on the same test queries.

    Attributes:
        difference: share of right answers of the first less that of the second.
        only_first: answers that only the first has right, per seed.
        only_second: answers that only the second has right, per seed.
        p: of McNemar's test; NaN if no answer differs.
        seeds: number of seeds that both have.
    """

    difference: float
    only_first: float
    only_second: float
    p: float
    seeds: int


def compare_outcomes(first: np.ndarray, second: np.ndarray) -> PairedOutcomes:
    """Compare two cells query by query, by McNemar's test (1947).

    With one seed it is the exact test. With more, the outcomes of one query over seeds are one
    cluster, and the mean difference over queries is tested (Obuchowski 1998). The test holds for
    these trained networks and other queries, not for other seeds.

    Args:
        first: whether an answer was right, bool [seeds, queries].
        second: of the same seeds and queries.
    """
    seeds, queries = first.shape
    only_first, only_second = (
        int((first & ~second).sum()),
        int((second & ~first).sum()),
    )
    difference = (only_first - only_second) / (seeds * queries)
    p = math.nan
    if only_first + only_second:
        p = _compute_mcnemar_p(first, second, only_first, only_second)
    return PairedOutcomes(
        difference, only_first / seeds, only_second / seeds, p, seeds
    )


def _compute_mcnemar_p(
    first: np.ndarray, second: np.ndarray, only_first: int, only_second: int
) -> float:
    """Return the p-value of two cells of which some outcome differs."""
    from scipy.special import bdtr, ndtr

    seeds, queries = first.shape
    if seeds == 1:
        fewer, total = min(only_first, only_second), only_first + only_second
        return min(1.0, 2 * float(bdtr(fewer, total, 0.5)))
    by_query = first.mean(0) - second.mean(0)
    # Without the mean, as in McNemar's statistic: under the hypothesis it is zero.
    error = math.sqrt(float((by_query**2).sum())) / queries
    if not error:
        return 1.0
    return 2 * float(ndtr(-abs(float(by_query.mean())) / error))
