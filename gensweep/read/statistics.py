"""Mean, standard deviation and confidence interval over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
METHOD = "mean over seeds ± half-width of its 95% confidence interval (Student's t, n - 1 degrees of freedom)"


@dataclass(frozen=True)
class Summary:
    """What n values of each group say; NaN where a number is not defined.

    Attributes:
        n: values measured [groups].
        mean: their mean [groups]; not defined for n = 0.
        std: sample standard deviation, ddof = 1 [groups]; not defined for n < 2.
        ci95: half-width of the mean's 95% confidence interval [groups]; not defined for n < 2.
    """

    n: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    ci95: np.ndarray


def summarise(values: np.ndarray, groups: np.ndarray, count: int) -> Summary:
    """Summarise the values of each group.

    The interval is ``mean ± t(0.975, n - 1) * std / sqrt(n)`` (Student 1908), which takes the seeds
    for independent draws from a normal distribution.

    Args:
        values: one number each, NaN where not measured [values].
        groups: which group each belongs to, in 0..count-1 [values].
        count: number of groups.
    """
    from scipy.special import stdtrit

    measured = ~np.isnan(values)
    values, groups = values[measured], groups[measured]
    n = np.bincount(groups, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(groups, values, count) / n
        squares = np.bincount(groups, (values - mean[groups]) ** 2, count)
        std = np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)
        quantile = stdtrit(np.maximum(n - 1, 1), (1 + CONFIDENCE) / 2)
        return Summary(n, mean, std, quantile * std / np.sqrt(n))
