"""A number measured over seeds, with its interval, as tables and figures show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.ledger.manifest import MetricInfo

    Range = tuple[float | None, float | None]

UNBOUNDED = (None, None)
"""The range of a metric that declares none."""
PARTS = ("mean", "std", "ci95", "ci95_low", "ci95_high", "n")
"""Endings of a metric's columns in a data frame or a CSV file."""


def list_metric_columns(metric: str) -> list[str]:
    """Return the names of a metric's columns in a data frame or a CSV file."""
    return [f"{metric}_{part}" for part in PARTS]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A mean over seeds with its 95% confidence interval.

    Attributes:
        mean: of the n values.
        ci95: half-width of the interval before it is cut to the metric's
            range; NaN for one value.
        std: sample standard deviation; NaN for one value.
        n: values measured, one per seed.
        seeds: points of the cell that are ok; more than ``n`` if some have
            no value.
        low: lower end of the interval, within the metric's range; NaN for
            one value.
        high: upper end.
        is_contender: whether the seeds cannot tell it from the best value of
            its table; tables print it in bold.
    """

    mean: float
    ci95: float = math.nan
    std: float = math.nan
    n: int = 1
    seeds: int = 1
    low: float = math.nan
    high: float = math.nan
    is_contender: bool = False

    @property
    def has_interval(self) -> bool:
        """True if there are two values or more."""
        return not math.isnan(self.ci95)

    @property
    def is_cut(self) -> bool:
        """True if the interval was cut: ``mean ± ci95`` leaves the range."""
        lower, upper = self.mean - self.ci95, self.mean + self.ci95
        return self.low > lower or self.high < upper


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A metric of a model for which no point of a cell has a value.

    Attributes:
        reasons: why points that are ok have no value, each reason once.
        seeds: number of points that are ok; with 0, a missing value needs no
            explanation.
    """

    reasons: tuple[str, ...] = ()
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Seeds:
    """The number of points of a cell that are ok, and the fate of the others.

    Attributes:
        ok: number of points that are ok.
        total: number of points wanted.
        others: status and count of the points that are not ok.
    """

    ok: int
    total: int
    others: tuple[tuple[str, int], ...] = ()


def measure(
    mean: float,
    ci95: float,
    std: float,
    n: int,
    seeds: int | None = None,
    bounds: Range = UNBOUNDED,
) -> Measurement:
    """Return a measurement whose interval is ``mean ± ci95`` cut to the metric's range.

    Args:
        mean, ci95, std, n: as `Measurement`.
        seeds: points that are ok; None: as many as values.
        bounds: the smallest and the largest possible value; None: no limit.
    """
    low, high = cut_interval(mean - ci95, mean + ci95, bounds)
    if seeds is None:
        seeds = n
    return Measurement(mean, ci95, std, n, seeds, low, high)


def is_contender(value: object) -> bool:
    """Return whether a value of a table is marked as one that may be the best."""
    return isinstance(value, Measurement) and value.is_contender


def cut_interval(
    low: float, high: float, bounds: Range
) -> tuple[float, float]:
    """Return the part of an interval that lies within a metric's range; NaN stays NaN."""
    smallest, largest = bounds
    if smallest is not None and low < smallest:
        low = smallest
    if largest is not None and high > largest:
        high = largest
    return low, high


def list_measurements(
    cells: pd.DataFrame,
    metric: str,
    info: MetricInfo,
    reasons: Sequence[tuple[str, ...]],
) -> list[Measurement | NotMeasured | None]:
    """Return one value per row of `Results.cells`.

    None: the model does not have the metric.

    Args:
        cells: as `Results.cells`.
        metric: whose columns to read.
        info: what sweep.json and the registry say of the metric.
        reasons: why ok points of each cell lack a value [cells].
    """
    has_metric = cells["model"].isin(info.models)
    counts = cells[f"{metric}_n"].fillna(0).astype(int)
    columns = [
        cells[f"{metric}_{part}"]
        for part in ("mean", "ci95", "std", "ci95_low")
    ]
    columns += [
        cells[f"{metric}_ci95_high"],
        counts,
        cells["n_ok"],
        has_metric,
    ]
    values: list[Measurement | NotMeasured | None] = []
    rows = zip(*(column.tolist() for column in columns), reasons, strict=True)
    for mean, ci95, std, low, high, n, seeds, is_own, reason in rows:
        if is_own and n:
            values.append(Measurement(mean, ci95, std, n, seeds, low, high))
        elif is_own:
            values.append(NotMeasured(reason, seeds))
        else:
            values.append(None)
    return values


def drop_count(value: Measurement) -> Measurement:
    """Return the measurement as if every seed had a value, where text gives n apart."""
    return replace(value, seeds=value.n)


@dataclass(frozen=True, slots=True)
class Digits:
    """A measurement rounded for print: the digits of its numbers; empty if there is none.

    Either ``half_width``, or ``low`` and ``high``, or none of them (one seed).
    """

    mean: str
    half_width: str = ""
    low: str = ""
    high: str = ""
    n: str = ""


MAX_DECIMALS = 6
"""A number that needs more decimals than this is printed with an exponent."""


def round_measurement(value: Measurement) -> Digits:
    """Return a mean with as many digits as its interval allows.

    The half-width has two significant digits, and the mean as many decimals.
    An interval that was cut is given by its ends, since it is not symmetric.
    """
    if not value.has_interval:
        return Digits(f"{value.mean:#.4g}".rstrip("."), n="1")
    significant, size = 2, value.ci95
    if not value.ci95:
        # All seeds agree exactly: no interval limits the digits of the mean.
        significant, size = 4, abs(value.mean) or 1.0
    decimals = max(0, significant - 1 - math.floor(math.log10(size)))
    mean_form, end_form = f".{decimals}f", f".{decimals}f"
    if decimals > MAX_DECIMALS:
        mean_form, end_form = ".3g", ".2g"
    n = "" if value.n == value.seeds else str(value.n)
    mean = format(value.mean, mean_form)
    if value.is_cut:
        low, high = (
            format(end, mean_form) for end in (value.low, value.high)
        )
        return Digits(mean, low=low, high=high, n=n)
    return Digits(mean, format(value.ci95, end_form), n=n)
