"""Sentences of a headline that compare its number with published ones and with other cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gensweep.report.measurement import Measurement
from gensweep.report.settings import describe_cell
from gensweep.report.stats.marks import (
    MAX_CELLS_COMPARED,
    find_contending_cells,
)
from gensweep.report.stats.prediction import compare_with_published
from gensweep.report.tables.text_cells import format_measurement
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.references import Published
    from gensweep.report.results import Results
    from gensweep.report.settings import Setting


def compare_with_paper(
    results: Results,
    setting: Setting,
    cell: str,
    metric: str,
    value: Measurement,
    published: Sequence[Published],
) -> list[str]:
    """Return sentences on numbers published for this cell, or else on the best one published."""
    numbers = [one for one in published if one.metric == metric]
    of_cell = [one for one in numbers if one.cell == cell]
    sentences = []
    for one in of_cell:
        text = f"Published for this cell: {one.value:.4g} ({one.source})"
        if value.has_interval:
            bounds = results.metrics[metric].range
            prediction = compare_with_published(
                value.mean,
                value.std,
                value.n,
                one.value,
                one.n,
                one.sd,
                bounds,
            )
            if prediction is not None:
                text += f", {prediction.verdict} with these seeds"
        sentences.append(f"{text}.")
    direction = results.metrics[metric].direction
    if sentences or direction == "none":
        return sentences
    of_setting = [one for one in numbers if one.cell in setting.cells]
    if not of_setting:
        return []
    choose = min if direction == "min" else max
    best = choose(of_setting, key=lambda one: one.value)
    ours = results.measure(best.cell, metric)
    text = f"The best published number is {best.value:.4g}"
    values = describe_cell(results, best.cell, setting.varying)
    if values:
        text += f" at {values}"
    text += f" ({best.source})"
    if isinstance(ours, Measurement):
        text += f", where this sweep has {format_measurement(ours)}"
    return [f"{text}."]


def measure_cells(
    results: Results, cells: Iterable[str], metric: str
) -> dict[str, Measurement]:
    """Return the value of each of these cells that has one, in their order."""
    values = {}
    for cell in cells:
        value = results.measure(cell, metric)
        if isinstance(value, Measurement):
            values[cell] = value
    return values


def compare_with_others(
    results: Results,
    values: Mapping[str, Measurement],
    cell: str,
    metric: str,
) -> list[str]:
    """Return sentences on the range of all cells, and on those as good as this one.

    Args:
        results: the sweep's.
        values: the value of each cell that is compared.
        cell: one of them.
        metric: of the test set.
    """
    if len(values) < 2:
        return []
    means = [value.mean for value in values.values()]
    return [
        f"{len(values)} cells have means from {min(means):.4g} to {max(means):.4g}.",
        *describe_contenders(results, values, cell, metric),
    ]


def describe_contenders(
    results: Results, cells: Iterable[str], cell: str, metric: str
) -> list[str]:
    """Return the sentence on the cells that cannot be told from the best one, if there is any.

    Args:
        results: the sweep's.
        cells: those that have a value.
        cell: the one that the headline shows; nothing is said if it is not among the best.
        metric: of the test set.
    """
    compared = tuple(cells)
    contenders = find_contending_cells(results, metric, compared)
    others = len(contenders - {cell})
    if cell in contenders:
        if others == 0:
            return ["Every other cell can be told from the best one."]
        count = pluralize(others, "other cell")
        return [f"{count} cannot be told from the best one."]
    if not contenders and _is_compared(results, metric, len(compared)):
        return ["These seeds cannot tell any of them from the best one."]
    return []


def _is_compared(results: Results, metric: str, count: int) -> bool:
    """Return whether so many cells are compared with the best one at all."""
    return (
        results.metrics[metric].direction != "none"
        and count <= MAX_CELLS_COMPARED
    )
