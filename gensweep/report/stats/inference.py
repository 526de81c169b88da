"""Tests over seeds: contrasts of cells with the seed as block, cells told apart, Holm's correction.

A contrast ``sum(c * level)`` is worked out in each seed, and its mean over seeds is compared with zero by Student's
one-sample t on ``seeds - 1`` degrees of freedom: for two levels, the paired t-test. Why this one:

- a seed gives every level the same split and order, so what it does to all levels alike is taken out;
- runs that differ in something else than the level are averaged within a seed first: they share initial
  numbers and order, and are not independent repetitions;
- each contrast has its own error term (Kirk 2013, Experimental Design, chapter 8, on blocks without sphericity).
  Residuals pooled over all levels would have more degrees of freedom, but are right only where all levels are
  equally noisy: cells near 0 or 1 are quiet, those between are not, and a noisy pair would pass for a sure
  difference. The price is power: three seeds leave two degrees of freedom, two leave one;
- tests of ranks or permutations assume less, but three pairs cannot give less than p = 0.25 (2 of 2**3
  signs), and Page's trend test (1963) needs three levels and gives no size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from gensweep.report.summary import CONFIDENCE

_CANDIDATES = 50
_EXACT = 1e-12


@dataclass(frozen=True)
class Block:
    """Levels that every seed kept has, averaged over the rest.

    Attributes:
        levels: values of the axis, sorted [levels].
        seeds: sorted [seeds].
        values: mean of the seed's runs at the level [seeds, levels].
        points: values that went in.
        left_out: values that did not, for want of a partner at the other levels.
    """

    levels: list
    seeds: list[int]
    values: np.ndarray
    points: int
    left_out: int


def select_block(
    runs: Iterable[tuple[int, Hashable, Hashable, float]],
    usable: Callable[[frozenset], bool] = lambda levels: len(levels) > 1,
) -> Block:
    """The largest part of the runs in which nothing is missing.

    A row is a seed and a setting; it holds some of the levels. The levels kept are those that a row, or
    the fullest rows together, have, so chosen that ``(levels - 1) (seeds - 1)``, then the seeds, then the values
    kept are the most; the rows kept are those that have them all. A seed's rows are averaged: its settings are the same
    at all levels.

    Args:
        runs: (seed, setting, level, value) each.
        usable: which sets of levels can answer the question; others are kept only where there is none.
    """
    rows: dict[tuple[int, Hashable], dict[Hashable, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    total = 0
    for seed, setting, level, value in runs:
        rows[seed, setting][level].append(value)
        total += 1
    patterns: dict[frozenset, list[tuple[int, Hashable]]] = defaultdict(list)
    for row, found in rows.items():
        patterns[frozenset(found)].append(row)
    levels, kept = frozenset(), []
    best = (False, -1, -1, -1)
    for wanted in _candidates(patterns):
        members = [row for pattern, group in patterns.items() if wanted <= pattern for row in group]
        seeds = len({seed for seed, _ in members})
        score = (usable(wanted), (len(wanted) - 1) * (seeds - 1), seeds, len(wanted) * len(members))
        if score > best:
            best, levels, kept = score, wanted, members
    order = sorted(levels)
    seeds = sorted({seed for seed, _ in kept})
    by_seed: dict[int, list[list[float]]] = {seed: [] for seed in seeds}
    for seed, setting in kept:
        by_seed[seed].append([float(np.mean(rows[seed, setting][level])) for level in order])
    values = np.array([np.mean(by_seed[seed], axis=0) for seed in seeds], float).reshape(
        len(seeds), len(order)
    )
    points = sum(len(rows[row][level]) for row in kept for level in order)
    return Block(order, seeds, values, points, total - points)


def _candidates(patterns: Mapping[frozenset, Sequence]) -> Iterator[frozenset]:
    """The commonest sets of levels, and what the fullest sets have in common; a bounded number of either."""
    yield from sorted(patterns, key=lambda pattern: -len(patterns[pattern]))[:_CANDIDATES]
    fullest = sorted(patterns, key=lambda pattern: -len(pattern))[:_CANDIDATES]
    yield from accumulate(fullest, frozenset.intersection)


@dataclass(frozen=True)
class Contrast:
    """A contrast of levels; NaN but for the estimate where the seeds leave nothing to test against.

    Attributes:
        estimate: ``sum(c * mean)``.
        low: lower end of its confidence interval.
        high: upper end.
        t: estimate over its standard error.
        df: degrees of freedom, seeds less one.
        p: two-sided.
    """

    estimate: float
    low: float
    high: float
    t: float
    df: int
    p: float


def estimate_contrast(values: np.ndarray, weights: np.ndarray, chosen_from: int = 1) -> Contrast:
    """Test whether a contrast of levels is zero: its values in each seed, by Student's one-sample t.

    Args:
        values: [seeds, levels], without NaN.
        weights: [levels], adding up to zero.
        chosen_from: how many contrasts this one was chosen from for its size; p and interval are Bonferroni's.
    """
    from scipy.special import stdtr, stdtrit

    seeds = len(values)
    of_seed = values @ weights
    estimate, df = float(weights @ values.mean(0)), seeds - 1
    scale = float(np.abs(values).max(initial=0.0) * np.abs(weights).sum())
    if df < 1 or np.abs(of_seed - of_seed.mean()).max() <= _EXACT * scale:
        return Contrast(estimate, np.nan, np.nan, np.nan, max(df, 0), np.nan)
    error = float(of_seed.std(ddof=1) / np.sqrt(seeds))
    half = float(stdtrit(df, 1 - (1 - CONFIDENCE) / 2 / chosen_from)) * error
    t = estimate / error
    p = min(1.0, 2 * float(stdtr(df, -abs(t))) * chosen_from)
    return Contrast(estimate, estimate - half, estimate + half, t, df, p)


@dataclass(frozen=True)
class BestVsBest:
    """The best level of one side against the other side.

    Attributes:
        contrast: best of the first side less best of the second; p is that of the side which has the best level of
            all, against every level of the other side.
        first: place of the first side's best level.
        second: place of the second side's.
        candidates: levels that the winner was chosen from.
    """

    contrast: Contrast
    first: int
    second: int
    candidates: int


def compare_best(values: np.ndarray, first: np.ndarray, sign: int) -> BestVsBest:
    """Test whether the better side's best level beats every level of the other.

    The best of many is best by luck, too: each p is Bonferroni's (Dunn 1961) over the levels that the winner was
    chosen from. It must beat the truly best level of the losing side, which is not known: the largest p against any of
    them counts (the intersection-union test, Berger 1982), and the interval's nearer end is the nearest of theirs.

    Args:
        values: [seeds, levels], without NaN.
        first: which levels are the first side's [levels]; neither side is empty.
        sign: +1 where larger is better, -1 where smaller is.
    """
    means = values.mean(0) * sign
    one, two = (int(np.argmax(np.where(side, means, -np.inf))) for side in (first, ~first))
    leads = means[one] > means[two]
    winner, losers = (one, ~first) if leads else (two, first)
    candidates = int((first if leads else ~first).sum())
    turn = 1.0 if leads else -1.0
    against = {
        int(place): estimate_contrast(
            values, turn * _pair(len(means), winner, int(place)), candidates
        )
        for place in np.flatnonzero(losers)
    }
    found = against[two if leads else one]
    tested = [other for other in against.values() if not np.isnan(other.p)]
    if not np.isnan(found.p):
        ahead = found.estimate > 0
        nearest = (
            min(other.low for other in tested) if ahead else max(other.high for other in tested)
        )
        low, high = (
            (min(nearest, found.low), found.high)
            if ahead
            else (found.low, max(nearest, found.high))
        )
        found = replace(found, low=low, high=high, p=max(other.p for other in tested))
    return BestVsBest(found, one, two, candidates)


def _pair(levels: int, plus: int, minus: int) -> np.ndarray:
    weights = np.zeros(levels)
    weights[plus], weights[minus] = 1.0, -1.0
    return weights


def compute_slope_weights(x: np.ndarray) -> np.ndarray:
    """Weights of the least-squares slope of a line over ``x`` [levels]."""
    centred = x - x.mean()
    return centred / (centred**2).sum()


@dataclass(frozen=True)
class OneWayTest:
    """One-way layout: cells against seeds.

    Attributes:
        test: name, with the degrees of freedom.
        f: Brown and Forsythe's statistic; for two cells the square of Welch's t.
        between: its degrees of freedom between.
        within: its degrees of freedom within.
        eta_squared: share of the sum of squares that lies between cells, in 0..1; grows with noise, too.
        icc: intraclass correlation, one-way: the same share corrected for it, at most 1 and sometimes negative.
        p: of the test; for three cells or more the larger one of two.
    """

    test: str
    f: float
    between: float
    within: float
    eta_squared: float
    icc: float
    p: float


def compare_cells(cells: Iterable[Sequence[float]]) -> OneWayTest | None:
    """Whether cells differ by more than their seeds do; None where there is nothing to compare with.

    Cells need not be equally noisy, so Fisher's pooled F is not used. The statistic is Brown and Forsythe's (1974)
    with Mehrotra's (1997) degrees of freedom; it may err too often where a few of many cells have all the noise, so
    that Kruskal and Wallis' ranks must agree: the larger p counts. Welch's analysis of variance divides by each
    cell's own variance, which two or three seeds do not know: of 25 equal cells of two seeds, it tells 70% apart.
    Two cells are compared by Welch's t on the smaller cell's degrees of freedom, as ranks of three and three cannot
    go below p = 0.0495. The seeds' common share stays in the spread within cells, which makes the tests stricter.
    The intraclass correlation is ICC(1) of Shrout and Fleiss (1979), for cells of unequal size.

    Args:
        cells: the values over seeds of each; those of fewer than two do not count.
    """
    from scipy.special import fdtrc

    groups = [np.asarray(values, float) for values in cells if len(values) > 1]
    if len(groups) < 2:
        return None
    sizes = np.array([len(values) for values in groups])
    means, total = np.array([values.mean() for values in groups]), sizes.sum()
    squares = np.array(
        [((values - mean) ** 2).sum() for values, mean in zip(groups, means, strict=True)]
    )
    outside, inside = (
        float((sizes * (means - sizes @ means / total) ** 2).sum()),
        float(squares.sum()),
    )
    scale = max(float(np.abs(values).max()) for values in groups)
    if inside <= (_EXACT * scale) ** 2 * total:
        return None
    fisher = outside / (len(groups) - 1) / (inside / (total - len(groups)))
    usual = (total - (sizes**2).sum() / total) / (len(groups) - 1)
    f, between, within = _brown_forsythe(outside, squares / (sizes - 1), sizes)
    name = f"Brown-Forsythe F({between:.3g}, {within:.3g})"
    if len(groups) == 2:
        within = float(sizes.min() - 1)
        name = f"Welch's t({within:.0f})"
    p = float(fdtrc(between, within, f))
    if len(groups) > 2:
        from scipy.stats import kruskal  # half a second to import

        name, p = f"{name} and Kruskal-Wallis, the larger p", max(p, float(kruskal(*groups).pvalue))
    icc = float((fisher - 1) / (fisher + usual - 1))
    return OneWayTest(name, f, between, within, outside / (outside + inside), icc, p)


def _brown_forsythe(
    outside: float, variances: np.ndarray, sizes: np.ndarray
) -> tuple[float, float, float]:
    """Brown and Forsythe's F and its degrees of freedom, between (Mehrotra 1997) and within."""
    part = sizes / sizes.sum()
    spread = float(((1 - part) * variances).sum())
    between = (variances**2).sum() + (part @ variances) ** 2 - 2 * part @ variances**2
    within = (((1 - part) * variances) ** 2 / (sizes - 1)).sum()
    return outside / spread, float(spread**2 / between), float(spread**2 / within)


def compute_rank_biserial(differences: Sequence[float]) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): +1 where every difference is positive; NaN for none.

    Args:
        differences: one each pair; those of zero count for neither side.
    """
    import pandas as pd

    found = np.array([value for value in differences if value], float)
    if not len(found):
        return 0.0 if len(differences) else np.nan
    ranks = pd.Series(np.abs(found)).rank().to_numpy()
    return float((ranks * np.sign(found)).sum() / ranks.sum())


def apply_holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values; NaN, where nothing was tested, stays and does not count."""
    p = np.asarray(p_values, float)
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted.tolist()
