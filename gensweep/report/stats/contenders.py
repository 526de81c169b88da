"""Comparison with the best: which levels cannot be told from the best one?

The true best level is not known, so each level is asked in turn whether some other one beats it.
A level that none beats stays in the set. The set holds the true best level with a confidence of
95%, whichever that is (Gupta 1965; Hsu 1984, "Constrained simultaneous confidence intervals for
multiple comparisons with the best", Annals of Statistics 12). Each pair has its own error term, as
in `gensweep.report.stats.contrasts`, so levels need not be equally noisy. The price is power: of
many levels with three seeds, only clear losers leave the set.
"""

from __future__ import annotations

import numpy as np

from gensweep.report.stats.contrasts import NO_SPREAD
from gensweep.report.summary import find_exponent


def compute_exclusion_p(values: np.ndarray, sign: int) -> np.ndarray:
    """Return for each level the p-value of "this level is the best one".

    Two levels are compared by a one-sided paired t-test over the seeds that both have, and the
    smallest p is multiplied by the number of other levels (Bonferroni).

    Args:
        values: [seeds, levels]; NaN where a seed does not have the level.
        sign: +1 if larger is better, -1 if smaller is.

    Returns:
        p-values in 0..1 [levels]; NaN if a level has no pair with a spread to test against.
    """
    from scipy.special import stdtr

    levels = values.shape[1]
    values = np.ldexp(values, -find_exponent(values[~np.isnan(values)]))
    p_values = np.full(levels, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for level in range(levels):
            advantage = sign * (values - values[:, [level]])
            count = (~np.isnan(advantage)).sum(0)
            mean = np.nansum(advantage, axis=0) / count
            squares = np.nansum((advantage - mean) ** 2, axis=0)
            error = np.sqrt(squares / (count - 1) / count)
            # Of each pair alone: a third level may be larger by any factor.
            pairs = np.fmax(np.abs(values), np.abs(values[:, [level]]))
            scale = np.fmax.reduce(pairs, axis=0, initial=0.0)
            is_tested = (count > 1) & (error > NO_SPREAD * scale)
            is_tested[level] = False
            if is_tested.any():
                t = mean[is_tested] / error[is_tested]
                p = 1 - stdtr(count[is_tested] - 1.0, t)
                p_values[level] = min(1.0, (levels - 1) * float(p.min()))
    return p_values


def list_contenders(
    values: np.ndarray, sign: int, level: float
) -> np.ndarray:
    """Return a mask of the levels that cannot be told from the best [levels].

    A level that no seed has is not among them. One that cannot be tested is.

    Args:
        values: as `compute_exclusion_p` takes them.
        sign: as there.
        level: p-values below it exclude a level, such as 0.05.
    """
    p_values = compute_exclusion_p(values, sign)
    is_measured = ~np.isnan(values).all(0)
    return is_measured & ~(p_values < level)
