"""Repeated measures: do the levels of one axis, or of two together, differ by more than seeds do?

Every seed has every level, so a seed is a block. The test is the univariate analysis of variance
for repeated measures with the correction of Greenhouse and Geisser (1959), which needs neither
equal noise at all levels nor equal correlations. For two levels it is the paired t-test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gensweep.report.stats.contrasts import NO_SPREAD
from gensweep.report.summary import find_exponent


@dataclass(frozen=True)
class RepeatedTest:
    """An analysis of variance with the seed as block; NaN if the seeds show no spread.

    Attributes:
        f: mean square of the effect over its own mean square with the seeds.
        between: degrees of freedom of the effect, corrected.
        within: degrees of freedom of the error, corrected.
        epsilon: Greenhouse and Geisser's correction, in ``1 / contrasts .. 1``.
        p: of the test.
    """

    f: float
    between: float
    within: float
    epsilon: float
    p: float


NO_TEST = RepeatedTest(np.nan, np.nan, np.nan, np.nan, np.nan)


def compute_effect_test(
    values: np.ndarray, contrasts: np.ndarray
) -> RepeatedTest:
    """Test whether all of these contrasts are zero.

    Args:
        values: [seeds, levels], without NaN.
        contrasts: orthonormal rows that add up to zero [contrasts, levels].
    """
    from scipy.special import fdtrc

    seeds, count = len(values), len(contrasts)
    if seeds < 2 or not count:
        return NO_TEST
    values = np.ldexp(values, -find_exponent(values))
    by_seed = values @ contrasts.T
    spread = by_seed - by_seed.mean(0)
    scale = float(np.abs(values).max(initial=0.0) * np.abs(contrasts).sum())
    if np.abs(spread).max() <= NO_SPREAD * scale:
        return NO_TEST
    covariance = spread.T @ spread / (seeds - 1)
    trace = float(np.trace(covariance))
    f = seeds * float((by_seed.mean(0) ** 2).sum()) / trace
    epsilon = trace**2 / (count * float((covariance**2).sum()))
    between, within = count * epsilon, count * epsilon * (seeds - 1)
    p = float(fdtrc(between, within, f))
    return RepeatedTest(f, between, within, epsilon, p)


def make_main_contrasts(levels: int) -> np.ndarray:
    """Return orthonormal contrasts of all levels with each other [levels - 1, levels]."""
    rows = np.zeros((levels - 1, levels))
    for index in range(levels - 1):
        # Helmert's: the mean of the first levels against the next one.
        rows[index, : index + 1] = 1.0
        rows[index, index + 1] = -(index + 1.0)
        rows[index] /= np.sqrt((index + 1.0) * (index + 2.0))
    return rows


def make_interaction_contrasts(first: int, second: int) -> np.ndarray:
    """Return orthonormal contrasts of the interaction of two axes.

    Args:
        first: levels of the axis that changes slowest in the columns.
        second: levels of the other one.

    Returns:
        Contrasts [(first - 1) (second - 1), first * second].
    """
    return np.kron(make_main_contrasts(first), make_main_contrasts(second))


def describe_test(test: RepeatedTest) -> str:
    """Return the name of the test, with its degrees of freedom."""
    return f"repeated measures F({test.between:.3g}, {test.within:.3g}), Greenhouse-Geisser"
