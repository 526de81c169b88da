"""Tests over seeds: contrasts of cells with the seed as block, cells told apart, Holm's correction.

The model of a contrast is that of a randomised block design (Kirk 2013, Experimental Design, chapter 8):
``y[seed, level] = seed + level + noise``. A contrast ``sum(c * mean of level)`` has the standard error
``sqrt(MS * sum(c**2) / seeds)``, where MS is the mean square of the seed-by-level residuals on
``(seeds - 1) (levels - 1)`` degrees of freedom, and is compared with Student's t. Why this one, for three seeds:

- a seed gives every level the same split and order, so what it does to all levels alike is taken out;
- runs that differ in something else than the level are averaged within a seed first: they share initial
  numbers and order, and are not independent repetitions;
- the residuals of all levels are pooled: with three seeds a test on each level's own spread has 2 degrees of
  freedom and decides nothing. The price is an assumption: the spread over seeds is alike at all levels;
- tests of ranks or permutations assume less, but three pairs cannot give less than p = 0.25 (2 of 2**3
  signs), and Page's trend test (1963) needs three levels and gives no size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from gensweep.read.statistics import CONFIDENCE

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


def complete(
    runs: Iterable[tuple[int, Hashable, Hashable, float]],
    usable: Callable[[frozenset], bool] = lambda levels: len(levels) > 1,
) -> Block:
    """The largest part of the runs in which nothing is missing.

    A row is a seed and a setting; it holds some of the levels. The levels kept are those that a row, or
    the fullest rows together, have, so chosen that the degrees of freedom, then the seeds, then the values
    kept are the most; the rows kept are those that have them all. A seed's rows are averaged: its settings are the same
    at all levels.

    Args:
        runs: (seed, setting, level, value) each.
        usable: which sets of levels can answer the question; others are kept only where there is none.
    """
    rows: dict[tuple[int, Hashable], dict[Hashable, list[float]]] = defaultdict(lambda: defaultdict(list))
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
    values = np.array([np.mean(by_seed[seed], axis=0) for seed in seeds], float).reshape(len(seeds), len(order))
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
        df: degrees of freedom of the residuals.
        p: two-sided.
    """

    estimate: float
    low: float
    high: float
    t: float
    df: int
    p: float


def contrast(values: np.ndarray, weights: np.ndarray, chosen_from: int = 1) -> Contrast:
    """Test whether a contrast of levels is zero.

    Args:
        values: [seeds, levels], without NaN.
        weights: [levels], adding up to zero.
        chosen_from: how many contrasts this one was chosen from for its size; p and interval are Bonferroni's.
    """
    from scipy.special import stdtr, stdtrit

    seeds, levels = values.shape
    estimate = float(weights @ values.mean(0))
    df = (seeds - 1) * (levels - 1)
    residuals = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    scale = float(np.abs(values).max(initial=0.0))
    if df < 1 or np.abs(residuals).max() <= _EXACT * scale:
        return Contrast(estimate, np.nan, np.nan, np.nan, max(df, 0), np.nan)
    error = float(np.sqrt((residuals**2).sum() / df * (weights**2).sum() / seeds))
    half = float(stdtrit(df, 1 - (1 - CONFIDENCE) / 2 / chosen_from)) * error
    t = estimate / error
    p = min(1.0, 2 * float(stdtr(df, -abs(t))) * chosen_from)
    return Contrast(estimate, estimate - half, estimate + half, t, df, p)


def slope_weights(x: np.ndarray) -> np.ndarray:
    """Weights of the least-squares slope of a line over ``x`` [levels]."""
    centred = x - x.mean()
    return centred / (centred**2).sum()


@dataclass(frozen=True)
class Apart:
    """One-way analysis of variance: cells against seeds.

    Attributes:
        f: mean square between cells over that within.
        between: degrees of freedom between.
        within: degrees of freedom within.
        eta_squared: share of the sum of squares that lies between cells, in 0..1; grows with noise, too.
        icc: intraclass correlation, one-way: the same share corrected for it, at most 1 and sometimes negative.
        p: of Fisher's F.
    """

    f: float
    between: int
    within: int
    eta_squared: float
    icc: float
    p: float


def tell_apart(cells: Iterable[Sequence[float]]) -> Apart | None:
    """Whether cells differ by more than their seeds do; None where there is nothing to compare with.

    Fisher's F: Kruskal and Wallis' ranks cannot tell two cells of three seeds apart below p = 0.0495. The
    seeds' common share stays in the spread within cells, which makes the test stricter. The intraclass
    correlation is ICC(1) of Shrout and Fleiss (1979), for cells of unequal size.

    Args:
        cells: the values over seeds of each.
    """
    from scipy.special import fdtrc

    groups = [np.asarray(values, float) for values in cells if len(values)]
    sizes = np.array([len(values) for values in groups])
    between, within = len(groups) - 1, int(sizes.sum()) - len(groups)
    if between < 1 or within < 1:
        return None
    means = np.array([values.mean() for values in groups])
    inside = sum(float(((values - mean) ** 2).sum()) for values, mean in zip(groups, means, strict=True))
    grand = float((sizes * means).sum() / sizes.sum())
    outside = float((sizes * (means - grand) ** 2).sum())
    scale = max(float(np.abs(values).max()) for values in groups)
    if inside <= (_EXACT * scale) ** 2 * sizes.sum():
        return None
    f = outside / between / (inside / within)
    usual = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / between
    icc = float((f - 1) / (f + usual - 1))
    return Apart(f, between, within, outside / (outside + inside), icc, float(fdtrc(between, within, f)))


def rank_biserial(differences: Sequence[float]) -> float:
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values; NaN, where nothing was tested, stays and does not count."""
    p = np.asarray(p_values, float)
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted.tolist()
