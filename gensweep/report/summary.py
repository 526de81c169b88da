"""Mean, standard deviation and confidence interval over seeds, of every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.ledger.status import STATUSES, Status
from gensweep.report.measurement import UNBOUNDED, list_metric_columns
from gensweep.report.parameters import name_columns

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.ledger.manifest import CellInfo, MetricInfo
    from gensweep.report.measurement import Range

CONFIDENCE = 0.95
INTERVAL_METHOD = (
    "Mean over seeds ± half-width of its 95% confidence interval (Student's t, n - 1 degrees of "
    "freedom)"
)
METHOD = f"{INTERVAL_METHOD}; std: standard deviation over seeds (n - 1)"
_ASSUMPTION = "They assume that values are normally distributed over seeds."
CUT_NOTE = (
    "An interval in square brackets, as in [0.928, 1.000], is cut to the range of the metric: "
    "its two ends are not equally far from the mean."
)


def describe_seeds(vary: Sequence[str]) -> str:
    """Return what varies over seeds, what is fixed, and what the intervals assume.

    Args:
        vary: parameters that have the seed as their value.
    """
    if not vary:
        return (
            "A seed changes initial weights, batch order and noise; the split and the test set "
            f"are fixed, so intervals say nothing about other test sets. {_ASSUMPTION}"
        )
    names = ", ".join(vary)
    return (
        f"A seed changes initial weights, batch order, noise and the value of {names}; "
        "intervals are about all of these together, and about nothing that is fixed. "
        f"{_ASSUMPTION}"
    )


@dataclass(frozen=True)
class Summary:
    """Statistics of the n values of each group; NaN where a number is not defined.

    Attributes:
        n: values measured [groups].
        mean: their mean [groups]; not defined for n = 0.
        std: sample standard deviation, ddof = 1 [groups]; not defined for n < 2.
        ci95: half-width of the mean's 95% confidence interval [groups]; not defined for n < 2.
        low: lower end of the interval, within the range of the values [groups].
        high: upper end.
    """

    n: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    ci95: np.ndarray
    low: np.ndarray
    high: np.ndarray


def find_exponent(values: np.ndarray) -> int:
    """Return the power of two above the sizes of some values, without NaN.

    Squares of numbers below 1e-160 vanish, and tests divide by them. Divided by this power of two,
    no number loses a digit.
    """
    return int(np.frexp(np.abs(values).max(initial=0.0))[1])


def summarize(
    values: np.ndarray,
    groups: np.ndarray,
    count: int,
    bounds: Range = UNBOUNDED,
) -> Summary:
    """Summarize the values of each group.

    The interval is ``mean ± t(0.975, n - 1) * std / sqrt(n)`` (Student 1908), which takes the
    seeds for independent draws from a normal distribution. Its ends are cut to the range of the
    values: a mean cannot leave it either.

    Args:
        values: one number each, NaN where not measured [values].
        groups: the group that each value belongs to, in 0..count-1 [values].
        count: number of groups.
        bounds: the smallest and the largest possible value; None: no limit.
    """
    from scipy.special import stdtrit

    is_measured = ~np.isnan(values)
    values, groups = values[is_measured], groups[is_measured]
    largest = np.zeros(count)
    np.maximum.at(largest, groups, np.abs(values))
    # As of `find_exponent`, for each group.
    exponents = np.frexp(largest)[1]
    values = np.ldexp(values, -exponents[groups])
    n = np.bincount(groups, minlength=count)
    # Each group's first value is subtracted before summing: if all values are equal, the sums
    # are then exactly 0, and so is the standard deviation.
    first = np.zeros(count)
    first[groups[::-1]] = values[::-1]
    # Groups without values divide by 0; the result is NaN, as it should be.
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first + np.bincount(groups, values - first[groups], count) / n
        squares = np.bincount(groups, (values - mean[groups]) ** 2, count)
        std = np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)
        quantile = stdtrit(np.maximum(n - 1, 1), (1 + CONFIDENCE) / 2)
        ci95 = quantile * std / np.sqrt(n)
    mean, std, ci95 = (np.ldexp(one, exponents) for one in (mean, std, ci95))
    low, high = mean - ci95, mean + ci95
    smallest, largest = bounds
    # These keep NaN, where no interval is defined.
    if smallest is not None:
        low = np.maximum(low, smallest)
    if largest is not None:
        high = np.minimum(high, largest)
    return Summary(n, mean, std, ci95, low, high)


def build_cell_frame(
    cells: Sequence[CellInfo],
    points: pd.DataFrame,
    varying: Sequence[str],
    metrics: Mapping[str, MetricInfo],
) -> pd.DataFrame:
    """Return one row for each cell, as `gensweep.report.results.Results.cells`.

    Only ok points count.

    Args:
        cells: the sweep's cells.
        points: one row for each point, in the order of the cells.
        varying: the parameters to show.
        metrics: the metrics to summarize, by name.
    """
    import pandas as pd

    cell_index = np.repeat(
        np.arange(len(cells)), [len(cell.points) for cell in cells]
    )
    status = points["status"].to_numpy()
    is_ok = status == Status.OK

    def summarize_column(column: str, bounds: Range = UNBOUNDED) -> Summary:
        values = points[column].to_numpy()[is_ok]
        return summarize(values, cell_index[is_ok], len(cells), bounds)

    columns: dict[str, Any] = {
        "cell": [cell.id for cell in cells],
        "model": [cell.model for cell in cells],
    }
    others = [
        column for name in metrics for column in list_metric_columns(name)
    ]
    for name, column in name_columns(varying, others).items():
        columns[column] = make_parameter_column(
            [cell.params.get(name, np.nan) for cell in cells]
        )
    for kind in (*STATUSES, Status.MISSING):
        columns[f"n_{kind}"] = np.bincount(
            cell_index[status == kind], minlength=len(cells)
        )
    columns["seconds"] = summarize_column("seconds").mean
    for name, info in metrics.items():
        summary = summarize_column(name, info.range)
        columns[f"{name}_mean"] = summary.mean
        columns[f"{name}_std"] = summary.std
        columns[f"{name}_ci95"] = summary.ci95
        columns[f"{name}_ci95_low"] = summary.low
        columns[f"{name}_ci95_high"] = summary.high
        # An integer type that knows <NA>: a model without the metric has no count, not 0.
        counts = pd.Series(summary.n, dtype="Int64")
        columns[f"{name}_n"] = counts.where(
            np.isin(columns["model"], info.models)
        )
    return pd.DataFrame(columns)


def make_parameter_column(values: Sequence[Any]) -> pd.Series:
    """Return a column of parameter values; NaN stands for cells without the parameter.

    Integers stay integers beside NaN.
    """
    import pandas as pd

    column = pd.Series(
        ["none" if value is None else value for value in values], dtype=object
    )
    return column if column.isna().any() else column.infer_objects()
