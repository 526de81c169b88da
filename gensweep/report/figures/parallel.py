"""Parallel coordinates: every cell as a line through its values of what is swept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import (
    describe_method,
    describe_seeds,
    format_axis_label,
)
from gensweep.report.figures.data import CustomPlot, FigureData
from gensweep.report.figures.grids import compute_typical_width, make_message
from gensweep.report.figures.parallel_lines import Column, Scale, draw_lines
from gensweep.report.measurement import Measurement
from gensweep.report.stats.axes import is_numeric, make_axis
from gensweep.report.stats.subject import Subject
from gensweep.report.tables.importance import list_subjects
from gensweep.report.tables.text_cells import NOTHING
from gensweep.system.file_stems import make_file_stems
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

MAX_TICKS = 10
"""With more values than this, a number has a scale instead of a tick per value."""
SPREAD = 0.5
"""Height that the lines through one value take, as a share of the distance between two values."""
MAX_AXES = 8
"""Most swept parameters that are drawn."""
NO_AXES = "Fewer than two parameters vary."


@register_figure("parallel_coordinates")
def make_parallel_coordinates(results: Results) -> list[FigureData]:
    """Show each cell as a line through its values of the swept parameters to its main metric."""
    subjects = [
        one for one in list_subjects(results) if len(one.list_axes()) > 1
    ]
    stems = make_file_stems(
        ("parallel_coordinates", *one.name.split(" on ")) for one in subjects
    )
    figures = [
        _show_cells(stem, one)
        for stem, one in zip(stems, subjects, strict=True)
    ]
    if figures:
        return figures
    message = make_message(NO_AXES, ("parameters and main metric", "value"))
    caption = f"{NO_AXES} {describe_seeds(results.cells['n_ok'].tolist())}"
    title = "parallel coordinates"
    return [FigureData("parallel_coordinates", title, caption, message)]


def _show_cells(stem: str, subject: Subject) -> FigureData:
    results, metric = subject.runs.results, subject.metric
    title = f"{subject.name}: cells by what is swept"
    names = subject.list_axes()
    axes = names[:MAX_AXES]
    cells = _list_cells(results, subject)
    values = {cell: results.measure(cell, metric) for cell in cells}
    measured = {
        cell: value
        for cell, value in values.items()
        if isinstance(value, Measurement)
    }
    caption = describe_method(results, cells, metric)
    if not measured:
        message = make_message(
            "Nothing is measured yet.",
            ("parameters and main metric", "value"),
        )
        return FigureData(stem, title, caption, message, subject.model)
    caption += (
        " A line is a cell; its colour is the metric, on the scale of the last axis. Lines "
        "through one value are spread in the order of the metric, so that each is seen."
    )
    if len(measured) < len(cells):
        missing = len(cells) - len(measured)
        caption += (
            f" Not drawn: {pluralize(missing, 'cell')} without a value."
        )
    if len(names) > len(axes):
        caption += (
            f" The first {len(axes)} of {len(names)} parameters are drawn."
        )
    frame = _build_frame(results, measured, axes, metric)
    means = frame[f"{metric}_mean"].to_numpy(float)
    columns = [
        _place_values(
            subject, name, [results.params[cell] for cell in measured], means
        )
        for name in axes
    ]
    span = compute_typical_width(measured.values())
    if span:
        caption += (
            " The scale spans at least the typical width of an interval "
            f"(the median, {span:.2g})."
        )
    scale = Scale(
        metric,
        format_axis_label(results, metric),
        results.metrics[metric].direction,
        span,
    )

    def draw(figure: Figure) -> None:
        draw_lines(figure, columns, means, scale)

    plot = CustomPlot(frame, draw, (2.4 + 1.5 * len(axes), 3.6))
    return FigureData(stem, title, caption, plot, subject.model)


def _list_cells(results: Results, subject: Subject) -> list[str]:
    """Return the cells of the subject's model and dataset."""
    return [
        cell
        for cell in results.list_cells(subject.model)
        if results.params[cell].get("dataset") == subject.dataset
    ]


def _build_frame(
    results: Results,
    measured: dict[str, Measurement],
    axes: Sequence[str],
    metric: str,
) -> pd.DataFrame:
    """Return a row per cell: its values of the axes, and its measurement."""
    import pandas as pd

    rows = []
    for cell, value in measured.items():
        row: dict[str, Any] = {"cell": cell}
        for name in axes:
            params = results.params[cell]
            row[name] = NOTHING
            if name in params:
                row[name] = results.names.get_text(name, params[name])
        row[f"{metric}_mean"] = value.mean
        row[f"{metric}_ci95_low"] = value.low
        row[f"{metric}_ci95_high"] = value.high
        row[f"{metric}_n"] = value.n
        rows.append(row)
    return pd.DataFrame(rows)


def _place_values(
    subject: Subject,
    name: str,
    params: Sequence[dict[str, Any]],
    means: np.ndarray,
) -> Column:
    """Return a parameter's axis, with the height of each cell on it."""
    values = subject.list_values(name)
    has_all = all(name in one for one in params)
    if has_all and is_numeric(values) and len(values) > MAX_TICKS:
        return _place_numbers(name, [float(one[name]) for one in params])
    labels = [subject.get_text(name, value) for value in values]
    if not has_all:
        labels.insert(0, NOTHING)
    step = 1 / len(labels)
    centres = [(index + 0.5) * step for index in range(len(labels))]
    places = [
        labels.index(
            subject.get_text(name, one[name]) if name in one else NOTHING
        )
        for one in params
    ]
    heights = np.array([centres[index] for index in places])
    for index in set(places):
        members = np.flatnonzero(np.array(places) == index)
        ordered = members[np.argsort(means[members], kind="stable")]
        offsets = np.linspace(-0.5, 0.5, len(ordered) + 2)[1:-1]
        heights[ordered] += SPREAD * step * offsets
    return Column(name, heights, list(zip(centres, labels, strict=True)))


def _place_numbers(name: str, numbers: Sequence[float]) -> Column:
    """Return the axis of many numbers, logarithmic if they grow by a factor."""
    is_log = (
        min(numbers) > 0 and make_axis(name, sorted(set(numbers))).is_doubling
    )
    scaled = np.log(numbers) if is_log else np.array(numbers)
    low, high = float(scaled.min()), float(scaled.max())
    heights = (scaled - low) / (high - low)
    ticks = []
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        text = f"{math.exp(value) if is_log else value:.3g}"
        ticks.append((share, text))
    return Column(name, heights, ticks)
