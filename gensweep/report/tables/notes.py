"""Sentences below a table: what its numbers are, of how much, and why some are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.core.roles import format_range
from gensweep.report.measurement import UNBOUNDED, Measurement
from gensweep.report.remarks import (
    describe_sample_counts,
    describe_sizes,
    explain_missing,
)
from gensweep.report.stats.marks import MARK_NOTE
from gensweep.report.summary import CUT_NOTE, METHOD, describe_seeds
from gensweep.report.tables import COUNTS
from gensweep.report.tables.columns import TableData

if TYPE_CHECKING:
    from gensweep.report.results import Results

_BETTER = {
    "max": "larger is better",
    "min": "smaller is better",
    "none": "neither end is better",
}


def list_legend(data: TableData, results: Results) -> Iterator[str]:
    """Yield what the numbers are, then each metric's unit, range, direction and meaning."""
    if len(data) and "seconds" in data:
        yield "seconds: training and test time of a point, mean over the points that are ok."
    metrics = data.metrics
    if not metrics:
        return
    yield from list_remarks(data, results)
    yield from list_method_notes(data, results.sweep.vary)
    for column in metrics:
        info = results.described[column.name]
        first_line = info.doc.strip().partition("\n")[0]
        facts = [info.unit or "no unit declared", _BETTER[info.direction]]
        if info.range != UNBOUNDED:
            facts.insert(1, f"range {format_range(info.range)}")
        name = column.name
        if column.label and not column.label.startswith(name):
            name = f"{column.label} ({name})"
        yield f"{name}: {', '.join(facts)}. {first_line}".rstrip()


def list_method_notes(data: TableData, vary: Sequence[str]) -> Iterator[str]:
    """Yield how means and intervals are made, and what varies over seeds.

    Args:
        data: of the table.
        vary: parameters that have the seed as their value.
    """
    values = [value for column in data.metrics for value in column.values]
    measured = [value for value in values if isinstance(value, Measurement)]
    method = METHOD
    if has_lost_points(data):
        method += "; of the points that are ok"
    yield f"{method}."
    yield describe_seeds(vary)
    if any(value.is_cut for value in measured):
        yield CUT_NOTE
    if any(value.is_contender for value in measured):
        yield MARK_NOTE
    if any(value.n == 1 for value in measured):
        yield "n=1: one seed, whose standard deviation and confidence interval are not defined."
    if any(value.n < value.seeds for value in measured):
        yield "n smaller than the seeds that are ok: the other seeds have no value of the metric."


def list_remarks(data: TableData, results: Results) -> Iterator[str]:
    """Yield of how many examples a table's numbers are, and why some are missing."""
    metrics = [column.name for column in data.metrics]
    if not metrics or "cell" not in data:
        return
    cells = list(data.get("cell").values)
    sizes = describe_sizes(results, cells)
    if sizes:
        yield sizes
    yield from describe_sample_counts(results, cells, metrics)
    yield from explain_missing(results, cells, metrics)
    values = [value for column in data.metrics for value in column.values]
    measured = [value for value in values if isinstance(value, Measurement)]
    if any(value.n > 1 and value.std == 0 for value in measured):
        yield (
            "± 0: the seeds agree exactly, as where a metric is at the end of its range, or where "
            "the seed changes nothing. It does not say that the mean is certain."
        )


def has_lost_points(data: TableData) -> bool:
    """Return whether any cell has points that are not ok."""
    return any(
        any(data.get(name).values) for name in COUNTS[1:] if name in data
    )
