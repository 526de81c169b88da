"""Tables as text: their columns as printed, each mean with its interval in one column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.core.soundness import MIN_PICTURES, TEST_SPLIT
from gensweep.ledger.records import MISSING, STATUSES
from gensweep.report.tables import COUNTS, SUMMARY_PARTS

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

NOTHING = "–"
UNMEASURED = "not measured"
MAX_UNIT_CHARACTERS = 12
"""A longer unit is left out of the header; the legend has it."""
MAX_DECIMALS = 6
"""A number that needs more decimals than this is printed with an exponent."""


@dataclass(frozen=True)
class Column:
    """A column as printed.

    Attributes:
        header: its name; for a metric also its unit, as in ``mse [pixel^2]``.
        values: the text of each cell.
        is_numeric: print it aligned to the right.
        metric: the metric that it belongs to, if any.
        is_published: whether it has numbers of the paper on another scale than ours.
    """

    header: str
    values: list[str]
    is_numeric: bool = True
    metric: str = ""
    is_published: bool = False

    @property
    def width(self) -> int:
        """Characters of its widest line, with the unit below the metric's name."""
        return max(len(text) for text in (*self.header.split(" ["), *self.values))


def format_interval(mean: float, ci95: float, n: int, n_ok: int) -> str:
    """Return a mean with as many digits as its interval allows, as in ``0.587 ± 0.012``.

    Args:
        mean: the mean.
        ci95: half-width of its 95% confidence interval, printed with two significant digits;
            NaN for a single value.
        n: the number of values; printed if it differs from ``n_ok``.
        n_ok: the number of points that are ok.
    """
    if n == 0:
        # Without any point that is ok, it is no news that the metric has no value.
        return UNMEASURED if n_ok else NOTHING
    if math.isnan(ci95):
        return f"{mean:#.4g}".rstrip(".") + " (n=1)"
    if ci95:
        significant, size = 2, ci95
    else:
        # All seeds agree exactly: no interval limits the digits of the mean.
        significant, size = 4, abs(mean) or 1.0
    decimals = max(0, significant - 1 - math.floor(math.log10(size)))
    if decimals <= MAX_DECIMALS:
        text = f"{mean:.{decimals}f} ± {ci95:.{decimals}f}"
    else:
        text = f"{mean:.3g} ± {ci95:.2g}"
    return text if n == n_ok else f"{text} (n={n})"


def build_columns(
    frame: pd.DataFrame, results: Results, std: bool = False, split_counts: bool = False
) -> list[Column]:
    """Return a table's columns as printed.

    Each metric with its interval is one column; ids of cells are left out.

    Args:
        frame: what `build_rows` returned.
        results: the sweep's results.
        std: add a column for the standard deviation over seeds to each metric.
        split_counts: print the counts in one column for each status that any cell has, not all
            in one column.
    """
    columns: list[Column] = []
    data: dict[str, list[Any]] = frame.to_dict("list")
    for name, values in data.items():
        metric, _, part = name.rpartition("_")
        if name == "n_ok":
            columns += _build_count_columns(data, split_counts)
        elif metric in results.described and part in (*SUMMARY_PARTS, "report", "difference"):
            columns += _build_metric_columns(data, metric, part, std, results)
        elif name.startswith("report_"):
            header = f"paper's {name.removeprefix('report_')}"
            columns.append(Column(header, _format_verbatim(values), is_published=True))
        elif name == "model":
            # One model is named in the title.
            if len(set(values)) > 1:
                columns.append(Column(name, values, is_numeric=False))
        elif name not in ("cell", *COUNTS):
            is_numeric = all(
                isinstance(value, (int, float)) or _is_absent(value) for value in values
            )
            texts = [_format_value(name, value, results) for value in values]
            columns.append(Column(name, texts, is_numeric))
    return columns


def _build_metric_columns(
    data: dict[str, list[Any]], metric: str, part: str, std: bool, results: Results
) -> list[Column]:
    """Return the printed columns of one column of a metric: one, or none.

    Args:
        data: the frame's columns.
        metric: the metric.
        part: the ending of the frame's column.
        std: print the standard deviation.
        results: the sweep's results.
    """
    values = data[f"{metric}_{part}"]
    if part == "mean":
        intervals, counts = data[f"{metric}_ci95"], data[f"{metric}_n"]
        rows = zip(values, intervals, counts, data["n_ok"], strict=True)
        header = _make_header(metric, results, data.get("cell", []))
        return [Column(header, [_format_measured(*row) for row in rows], metric=metric)]
    if part == "std" and std:
        return [Column("std", [_format_std(value) for value in values], metric=metric)]
    if part == "report":
        return [Column("paper", _format_verbatim(values), metric=metric)]
    if part == "difference":
        return [Column("difference", _format_differences(values), metric=metric)]
    return []


def _format_std(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:#.2g}"


def _build_count_columns(data: dict[str, list[Any]], split_counts: bool) -> list[Column]:
    rows = list(zip(*(data[name] for name in COUNTS), strict=True))
    if not split_counts:
        return [Column("seeds ok", [_format_counts(row) for row in rows])]
    columns = [Column("seeds ok", [_format_share_ok(row) for row in rows])]
    for name in COUNTS[1:]:
        if any(data[name]):
            columns.append(Column(name.removeprefix("n_"), [str(count) for count in data[name]]))
    return columns


def _format_share_ok(counts: Sequence[int]) -> str:
    """Return the points that are ok of all, as in ``3/3``; counts are in the order of COUNTS."""
    return f"{counts[0]}/{sum(counts)}"


def _format_counts(counts: Sequence[int]) -> str:
    """Return ``3/3``, or ``1/3, 1 failed, 1 missing``."""
    statuses = (*STATUSES, MISSING)
    parts = [_format_share_ok(counts)]
    for status, count in zip(statuses[1:], counts[1:], strict=True):
        if count:
            parts.append(f"{count} {status}")
    return ", ".join(parts)


def _format_verbatim(values: list[float]) -> list[str]:
    """Return published numbers with all their decimals, and as many for each."""
    known = [value for value in values if not math.isnan(value)]
    decimals = max((len(repr(value).partition(".")[2]) for value in known), default=0)
    return _format_decimals(values, f".{decimals}f")


def _format_differences(values: list[float]) -> list[str]:
    """Return differences with their sign: three significant digits of the largest one."""
    largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
    decimals = 4
    # A logarithm of 0 is not defined; without it, all differences are 0.
    if largest:
        decimals = min(MAX_DECIMALS, max(0, 2 - math.floor(math.log10(largest))))
    return _format_decimals(values, f"+.{decimals}f")


def _format_decimals(values: list[float], form: str) -> list[str]:
    """Return each number in a format such as `.3f`, or `NOTHING` for NaN."""
    return [NOTHING if math.isnan(value) else format(value, form) for value in values]


def _format_measured(mean: float, ci95: float, n: Any, n_ok: int) -> str:
    if _is_absent(n):
        return NOTHING
    return format_interval(mean, ci95, int(n), n_ok)


def _format_value(name: str, value: Any, results: Results) -> str:
    if _is_absent(value):
        return NOTHING
    if name == "seconds":
        return f"{value:.3g}"
    return results.names.get_text(name, value)


def _is_absent(value: Any) -> bool:
    """Return whether a frame has no number here; a parameter that is None is the text ``none``."""
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _make_header(metric: str, results: Results, cells: Iterable[str]) -> str:
    """Return ``mse [pixel^2]``, the header of a metric.

    A metric whose values depend on the number of test pictures names it, if all cells have the
    same: ``fid_random_vgg of 1000 [feature^2]``.
    """
    header = metric
    if metric in MIN_PICTURES:
        counts = {results.examples.get(cell, {}).get(TEST_SPLIT) for cell in cells}
        if len(counts) == 1 and None not in counts:
            header += f" of {counts.pop()}"
    unit = results.described[metric].unit
    if 0 < len(unit) <= MAX_UNIT_CHARACTERS:
        header += f" [{unit}]"
    return header
