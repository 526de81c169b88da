"""Texts in figures: axis labels, and the sentences that captions share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gensweep.report.remarks import describe_sample_counts, explain_missing

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_UNIT_CHARACTERS = 12
"""A longer unit gets a line of its own."""
_METHOD = "Mean over seeds and its 95% confidence interval (Student's t), of the points that are ok"


def format_axis_label(results: Results, metric: str | None) -> str:
    """Return the axis label of a metric of the test set, with its unit."""
    if not metric:
        return "no metric"
    return f"test {metric}{format_unit(results, metric)}"


def format_unit(results: Results, metric: str) -> str:
    """Return a metric's unit in brackets after a space, on its own line if it is long."""
    if metric not in results.metrics:
        return ""
    unit = results.metrics[metric].unit
    if not unit:
        return ""
    line_break = "\n" * (len(unit) > MAX_UNIT_CHARACTERS)
    return f"{line_break} [{unit}]"


def describe_method(
    results: Results, cells: Sequence[str], metric: str | None
) -> str:
    """Return the first sentences of a caption.

    They name what is drawn, from how many seeds, and why some numbers are missing.
    """
    if metric is None:
        return "No metric."
    counts = results.cells.set_index("cell").loc[list(cells), f"{metric}_n"]
    sample_counts = describe_sample_counts(results, cells, [metric])
    missing = explain_missing(results, cells, [metric])
    return " ".join([describe_seeds(counts), *sample_counts, *missing])


def describe_seeds(counts: Iterable[int]) -> str:
    """Return a sentence on the means and intervals, from the number of seeds behind each."""
    numbers = sorted({int(count) for count in counts if count > 0})
    if not numbers:
        return "Nothing is measured yet."
    if numbers == [1]:
        return "One seed (n = 1): no interval is defined."
    undefined = (
        "; no interval is defined where n = 1" if numbers[0] == 1 else ""
    )
    return f"{_METHOD}; {format_seed_count(numbers)}{undefined}."


def format_seed_count(counts: Iterable[int]) -> str:
    """Return a number of seeds as text: ``n = 3 seeds``, ``n = 1 to 3 seeds``."""
    numbers = sorted({int(count) for count in counts}) or [0]
    if numbers[0] == numbers[-1]:
        return f"n = {numbers[0]} seed{'s' * (numbers[0] != 1)}"
    return f"n = {numbers[0]} to {numbers[-1]} seeds"
