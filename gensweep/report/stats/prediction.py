"""Prediction intervals: could a published number be one more run of ours?

A confidence interval is about the mean of our runs, and one run may well lie outside it. A
published number that is the mean of some runs is compared with the interval in which the mean of
as many new runs of ours would lie (Hahn and Meeker 1991, "Statistical intervals", chapter 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.report.measurement import UNBOUNDED, cut_interval
from gensweep.report.summary import CONFIDENCE

if TYPE_CHECKING:
    from gensweep.report.measurement import Range

COMPATIBLE, NOT_COMPATIBLE = "compatible", "not compatible"


@dataclass(frozen=True)
class Prediction:
    """The interval of a published number if it comes from runs like ours.

    Attributes:
        low: lower end of the 95% interval, within the range of the metric.
        high: upper end.
        verdict: whether the number lies in it.
    """

    low: float
    high: float
    verdict: str


def compare_with_published(
    mean: float,
    std: float,
    n: int,
    value: float,
    runs: int = 1,
    sd: float | None = None,
    bounds: Range = UNBOUNDED,
) -> Prediction | None:
    """Return the prediction interval for a published number, and whether it holds the number.

    The interval is ``mean ± t(0.975, n - 1) * std * sqrt(1 / runs + 1 / n)``. If the published
    runs have a standard deviation of their own, it is Welch's: ``std²/n + sd²/runs`` with
    Satterthwaite's degrees of freedom.

    Args:
        mean: of our seeds.
        std: of our seeds.
        n: number of our seeds.
        value: the published number.
        runs: number of runs that it is the mean of.
        sd: their standard deviation.
        bounds: the range of the metric.

    Returns:
        None without a spread to predict from.
    """
    from scipy.special import stdtrit

    if n < 2 or not (std > 0 or (sd or 0) > 0):
        return None
    ours = std**2 / n
    theirs, df = std**2 / runs, float(n - 1)
    if sd is not None and runs > 1:
        theirs = sd**2 / runs
        df = (ours + theirs) ** 2 / (
            ours**2 / (n - 1) + theirs**2 / (runs - 1)
        )
    half_width = float(stdtrit(df, (1 + CONFIDENCE) / 2)) * math.sqrt(
        ours + theirs
    )
    low, high = cut_interval(mean - half_width, mean + half_width, bounds)
    verdict = COMPATIBLE if low <= value <= high else NOT_COMPATIBLE
    return Prediction(low, high, verdict)
