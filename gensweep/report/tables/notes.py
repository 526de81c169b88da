"""Sentences below a table: what its numbers are, of how much, and why some are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gensweep.report.remarks import describe_sample_counts, describe_sizes, explain_missing
from gensweep.report.summary import METHOD
from gensweep.report.tables import COUNTS

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

_BETTER = {
    "max": "larger is better",
    "min": "smaller is better",
    "none": "neither end is better",
}


def list_legend(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """Yield what the numbers are, then each metric's unit, direction and meaning."""
    if len(frame) and "seconds" in frame.columns:
        yield "seconds: training and test time of a point, mean over the points that are ok."
    metrics = _list_metrics(frame, results)
    if not metrics:
        return
    yield from list_remarks(frame, results)
    method = f"{METHOD[0].upper()}{METHOD[1:]}"
    if has_lost_points(frame):
        method += "; of the points that are ok"
    yield f"{method}."
    if any((frame[f"{name}_n"] == 1).any() for name in metrics):
        yield "n=1: one seed, whose standard deviation and confidence interval are not defined."
    if any(_has_seeds_without_value(frame, name) for name in metrics):
        yield "n smaller than the seeds that are ok: the other seeds have no value of the metric."
    for name in metrics:
        info = results.described[name]
        first_line = info.doc.strip().partition("\n")[0]
        unit = info.unit or "no unit declared"
        yield f"{name}: {unit}, {_BETTER[info.direction]}. {first_line}".rstrip()


def list_remarks(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """Yield of how many examples a table's numbers are, and why some are missing."""
    metrics = _list_metrics(frame, results)
    if not metrics or "cell" not in frame.columns:
        return
    cells = frame["cell"].tolist()
    sizes = describe_sizes(results, cells)
    if sizes:
        yield sizes
    yield from describe_sample_counts(results, cells, metrics)
    yield from explain_missing(results, cells, metrics)


def has_lost_points(frame: pd.DataFrame) -> bool:
    """Return whether any cell has points that are not ok."""
    return any(bool(frame[name].any()) for name in COUNTS[1:] if name in frame.columns)


def _list_metrics(frame: pd.DataFrame, results: Results) -> list[str]:
    """Return the metrics that the frame has columns of."""
    return [name for name in results.described if f"{name}_mean" in frame.columns]


def _has_seeds_without_value(frame: pd.DataFrame, metric: str) -> bool:
    """Return whether a cell has some values of the metric, but fewer than points that are ok."""
    count = frame[f"{metric}_n"]
    return bool(((count > 0) & (count < frame["n_ok"])).any())
