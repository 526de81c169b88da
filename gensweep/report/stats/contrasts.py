"""Tests over seeds: contrasts of levels, with the seed as block.

A contrast ``sum(c * level)`` is computed in each seed, and its mean over seeds is compared with
zero by Student's one-sample t on ``seeds - 1`` degrees of freedom. For two levels, this is the
paired t-test. The reasons for this test:

- a seed gives every level the same split and order, so what it does to all levels alike is removed;
- runs that differ in something else than the level are averaged within a seed first: they share
  initial numbers and order, and are not independent repetitions;
- each contrast has its own error term (Kirk 2013, Experimental Design, chapter 8, on blocks without
  sphericity). Residuals pooled over all levels would have more degrees of freedom, but are right
  only if all levels are equally noisy. Cells near 0 or 1 are quiet, those between are not, and a
  noisy pair would pass for a sure difference. The price is power: three seeds leave two degrees of
  freedom, two leave one;
- tests of ranks or permutations assume less, but three pairs cannot give less than p = 0.25 (2 of
  2**3 signs), and Page's trend test (1963) needs three levels and gives no size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gensweep.report.summary import CONFIDENCE, find_exponent

NO_SPREAD = 1e-12
"""Share of the values' size below which differences between seeds count as rounding."""


@dataclass(frozen=True)
class Contrast:
    """A contrast of levels; all but the estimate is NaN if the seeds show no spread.

    Attributes:
        estimate: ``sum(c * mean)``.
        low: lower end of its confidence interval.
        high: upper end.
        t: estimate over its standard error.
        df: degrees of freedom, seeds less one.
        p: two-sided.
        error: the estimate's standard error.
    """

    estimate: float
    low: float
    high: float
    t: float
    df: int
    p: float
    error: float = np.nan


def estimate_contrast(
    values: np.ndarray, weights: np.ndarray, chosen_from: int = 1
) -> Contrast:
    """Test whether a contrast of levels is zero, by Student's one-sample t over the seeds.

    Args:
        values: [seeds, levels], without NaN.
        weights: [levels], adding up to zero.
        chosen_from: number of contrasts that this one was chosen from for its size; p and interval
            are corrected for it (Bonferroni).
    """
    from scipy.special import stdtr, stdtrit

    exponent = find_exponent(values)
    values = np.ldexp(values, -exponent)
    seeds = len(values)
    by_seed = values @ weights
    estimate, df = float(weights @ values.mean(0)), seeds - 1
    # A level without weight, however large, adds no rounding.
    scale = float((np.abs(values) @ np.abs(weights)).max(initial=0.0))
    if df < 1 or np.abs(by_seed - by_seed.mean()).max() <= NO_SPREAD * scale:
        estimate = float(np.ldexp(estimate, exponent))
        return Contrast(estimate, np.nan, np.nan, np.nan, max(df, 0), np.nan)
    error = float(by_seed.std(ddof=1) / np.sqrt(seeds))
    half_width = (
        float(stdtrit(df, 1 - (1 - CONFIDENCE) / 2 / chosen_from)) * error
    )
    t = estimate / error
    p = min(1.0, 2 * float(stdtr(df, -abs(t))) * chosen_from)
    low, high = estimate - half_width, estimate + half_width
    estimate, low, high, error = np.ldexp(
        [estimate, low, high, error], exponent
    ).tolist()
    return Contrast(estimate, low, high, t, df, p, error)


@dataclass(frozen=True)
class BestVsBest:
    """The best level of one side against the other side.

    Attributes:
        contrast: best of the first side less best of the second. Its p is that of the side with
            the best level of all, against every level of the other side.
        first: index of the first side's best level.
        second: index of the second side's.
        candidates: number of levels that the winner was chosen from.
    """

    contrast: Contrast
    first: int
    second: int
    candidates: int


def compare_best(
    values: np.ndarray, first: np.ndarray, sign: int
) -> BestVsBest:
    """Test whether the better side's best level beats every level of the other side.

    The best of many is best by luck, too: each p is Bonferroni's (Dunn 1961) over the levels that
    the winner was chosen from. The winner must beat the truly best level of the losing side, which
    is not known. So the largest p against any of them counts (the intersection-union test, Berger
    1982), and the interval's nearer end is the nearest of theirs.

    Args:
        values: [seeds, levels], without NaN.
        first: mask of the first side's levels [levels]; neither side is empty.
        sign: +1 if larger is better, -1 if smaller is.
    """
    means = values.mean(0) * sign
    best_first = int(np.argmax(np.where(first, means, -np.inf)))
    best_second = int(np.argmax(np.where(~first, means, -np.inf)))
    if means[best_first] > means[best_second]:
        winner, best_loser = best_first, best_second
        winners, losers, direction = first, ~first, 1.0
    else:
        winner, best_loser = best_second, best_first
        winners, losers, direction = ~first, first, -1.0
    candidates = int(winners.sum())
    contrasts = {}
    for loser in map(int, np.flatnonzero(losers)):
        # Whoever wins, a contrast is first side less second.
        weights = direction * _make_pair_weights(len(means), winner, loser)
        contrasts[loser] = estimate_contrast(values, weights, candidates)
    contrast = _combine_tests(contrasts[best_loser], list(contrasts.values()))
    return BestVsBest(contrast, best_first, best_second, candidates)


def _combine_tests(
    contrast: Contrast, others: Sequence[Contrast]
) -> Contrast:
    """Return the contrast with the largest p of all, and the interval's end nearest to zero."""
    if np.isnan(contrast.p):
        return contrast
    tested = [other for other in others if not np.isnan(other.p)]
    low, high = contrast.low, contrast.high
    if contrast.estimate > 0:
        low = min(min(other.low for other in tested), low)
    else:
        high = max(max(other.high for other in tested), high)
    return replace(
        contrast, low=low, high=high, p=max(other.p for other in tested)
    )


def _make_pair_weights(levels: int, plus: int, minus: int) -> np.ndarray:
    weights = np.zeros(levels)
    weights[plus], weights[minus] = 1.0, -1.0
    return weights


def compute_slope_weights(x: np.ndarray) -> np.ndarray:
    """Return the weights of the least-squares slope of a line over ``x`` [levels]."""
    centred = x - x.mean()
    return centred / (centred**2).sum()


def compute_rank_biserial(differences: Sequence[float]) -> float:
    """Return the matched-pairs rank-biserial correlation (Kerby 2014).

    It is +1 if every difference is positive, and NaN without differences.

    Args:
        differences: one each pair; those of zero count for neither side.
    """
    import pandas as pd

    nonzero = np.array([value for value in differences if value], float)
    if not len(nonzero):
        return 0.0 if len(differences) else np.nan
    ranks = pd.Series(np.abs(nonzero)).rank().to_numpy()
    return float((ranks * np.sign(nonzero)).sum() / ranks.sum())
