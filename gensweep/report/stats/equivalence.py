"""Equivalence: is a difference smaller than the margin that the sweep declares?

Two one-sided tests (Schuirmann 1987): the difference is equal to zero within the margin if it is
significantly larger than minus the margin, and significantly smaller than the margin. That is the
same as a 90% confidence interval that lies between both.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from gensweep.report.stats.contrasts import Contrast, estimate_contrast

MAX_P = 0.5
"""A larger p of one of many pairs is the answer: no other one can make them equal."""


def compute_equality_p(contrast: Contrast, margin: float) -> float:
    """Return the larger p of the two one-sided tests; NaN if the contrast has no test.

    Args:
        contrast: not corrected for a choice.
        margin: the largest difference that does not matter, above zero.
    """
    from scipy.special import stdtr

    if np.isnan(contrast.error):
        return np.nan
    above_low = float(
        stdtr(contrast.df, -(contrast.estimate + margin) / contrast.error)
    )
    below_high = float(
        stdtr(contrast.df, -(margin - contrast.estimate) / contrast.error)
    )
    return max(above_low, below_high)


def compute_joint_equality_p(
    values: np.ndarray, contrasts: Iterable[np.ndarray], margin: float
) -> float:
    """Return the p-value of "all of these contrasts are smaller than the margin".

    All must be, so the largest p counts, without a correction (intersection-union, Berger 1982).
    NaN if any of them has no test.

    Args:
        values: [seeds, levels], without NaN.
        contrasts: weights [levels] each, adding up to zero.
        margin: as in `compute_equality_p`.
    """
    if np.isnan(margin):
        return np.nan
    largest = 0.0
    for weights in contrasts:
        p = compute_equality_p(estimate_contrast(values, weights), margin)
        # The order matters: a p of NaN must not be lost.
        if not p <= largest:
            largest = p
        if np.isnan(p) or p > MAX_P:
            break
    return largest


def iter_pairs(levels: int) -> Iterator[np.ndarray]:
    """Yield the difference of each pair of levels, as weights [levels]."""
    for first, second in itertools.combinations(range(levels), 2):
        weights = np.zeros(levels)
        weights[first], weights[second] = 1.0, -1.0
        yield weights


def iter_tetrads(first: int, second: int) -> Iterator[np.ndarray]:
    """Yield each difference of two differences, as weights [first * second].

    They are how much the effect of two values of an axis differs between two values of the other.
    """
    for one in iter_pairs(first):
        for other in iter_pairs(second):
            yield np.kron(one, other)
