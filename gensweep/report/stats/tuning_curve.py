"""Tuning curves: the best value of n random trials, with a confidence band for small samples.

Lourie, Cho and He, "Show Your Work with Confidence" (2024), after Dodge et al. (2019). The best of
n independent trials has the distribution function F(y)^n. So its median is the quantile 0.5^(1/n)
of F, and a simultaneous band around F gives one around the complete curve.

The band around F is exact for any F without steps, and conservative for others: the k-th of n
uniform numbers has the distribution Beta(k, n + 1 - k), and each gets the same tail probability,
chosen so that all of them are within their limits with the wanted probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

CONFIDENCE = 0.95
MAX_TRIALS = 500
"""The computation of a band takes time that grows with the cube of the number of trials."""
_STEPS = 40


@dataclass(frozen=True)
class TuningCurve:
    """The median of the best of 1, 2, ... n trials [n], with a simultaneous band.

    A limit that the trials do not determine is the end of the range of values, if there is one, and
    infinite otherwise.
    """

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def compute_tuning_curve(
    values: np.ndarray,
    larger_is_better: bool,
    limits: tuple[float, float] = (-math.inf, math.inf),
    confidence: float = CONFIDENCE,
) -> TuningCurve:
    """Return the tuning curve of independent random trials.

    Args:
        values: of the trials [n], at most `MAX_TRIALS`.
        larger_is_better: whether the best is the largest one.
        limits: the range that values can have.
        confidence: the probability that the band holds the complete true curve.
    """
    sign = 1.0 if larger_is_better else -1.0
    ordered = np.sort(sign * np.asarray(values, float))
    count = len(ordered)
    ends = sorted(sign * np.array(limits))
    padded = np.concatenate([[ends[0]], ordered, [ends[1]]])
    low_shares, high_shares = compute_band(count, confidence)
    levels = 0.5 ** (1 / np.arange(1, count + 1))
    # F is at most its upper limit, so a quantile is at least that of the upper limit.
    step_up = np.concatenate([high_shares, [1.0]])
    low = padded[np.searchsorted(step_up, levels)]
    step_down = np.concatenate([low_shares, [1.0]])
    high = padded[np.searchsorted(step_down, levels) + 1]
    # Of equal size, the median is a value that occurred.
    median = ordered[
        np.minimum(np.ceil(levels * count).astype(int), count) - 1
    ]
    if larger_is_better:
        return TuningCurve(median, low, high)
    return TuningCurve(-median, -high, -low)


@lru_cache(maxsize=16)
def compute_band(
    count: int, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of a distribution function at its sorted sample.

    Returns:
        The lower limits at each sample [n], and the upper limits just below each sample [n].
    """
    from scipy.stats import beta

    ranks = np.arange(1, count + 1)

    def find_limits(tail: float) -> tuple[np.ndarray, np.ndarray]:
        lower = beta.ppf(tail / 2, ranks, count + 1 - ranks)
        upper = beta.ppf(1 - tail / 2, ranks, count + 1 - ranks)
        return lower, upper

    # The tail of each is at most that of all together, and at least its share of it.
    small, large = (1 - confidence) / count, 1 - confidence
    for _ in range(_STEPS):
        middle = math.sqrt(small * large)
        if compute_coverage(*find_limits(middle)) >= confidence:
            small = middle
        else:
            large = middle
    return find_limits(small)


def compute_coverage(lower: np.ndarray, upper: np.ndarray) -> float:
    """Return the probability that sorted uniform numbers [n] are all within limits [n] of theirs.

    Moscovich and Nadler, "Fast calculation of boundary crossing probabilities for Poisson
    processes" (2017): between two limits the count of a Poisson process grows by a Poisson number,
    and given its total the process is that of uniform numbers.
    """
    count = len(lower)
    times = np.unique(np.concatenate([lower, upper, [0.0, 1.0]]))
    state = np.zeros(count + 1)
    state[0] = 1.0
    orders = np.arange(count + 1)
    log_factorials = np.array([math.lgamma(order + 1) for order in orders])
    for start, end in pairwise(times.tolist()):
        mean = count * (end - start)
        steps = np.exp(orders * math.log(mean) - mean - log_factorials)
        state = np.convolve(state, steps)[: count + 1]
        # By this time at least those have come whose upper limit is here, and at most those
        # whose lower limit was before.
        state[: np.searchsorted(upper, end, side="right")] = 0.0
        state[np.searchsorted(lower, end, side="left") + 1 :] = 0.0
    total = math.exp(count * math.log(count) - count - log_factorials[count])
    return float(state[count] / total)
