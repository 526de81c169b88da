"""Parallel coordinates: every cell as a line through its values of what is swept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
from gensweep.report.figures.heatmap import choose_colour_map, compute_scale
from gensweep.report.figures.style import TEXT_GREY
from gensweep.report.measurement import Measurement
from gensweep.report.stats.axes import is_numeric, make_axis
from gensweep.report.stats.subject import Subject
from gensweep.report.tables.importance import list_subjects
from gensweep.report.tables.text_cells import NOTHING
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

MAX_TICKS = 10
"""With more values than this, a number has a scale instead of a tick per value."""
SPREAD = 0.5
"""Height that the lines through one value take, as a share of the distance between two values."""
MAX_AXES = 8
"""Most swept parameters that are drawn."""
MAX_THICK_LINES = 40
TICK_CHARACTERS = 14
NO_AXES = "Fewer than two parameters vary."


@dataclass(frozen=True)
class _Column:
    """A parameter as a vertical axis.

    Attributes:
        name: the parameter.
        heights: of each cell's line, in 0..1 [cells].
        ticks: heights of the ticks, and their labels.
    """

    name: str
    heights: np.ndarray
    ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class _Scale:
    """The last axis, which is the colour scale, too.

    Attributes:
        metric: its name.
        label: the name with the unit.
        direction: ``max`` if larger is better, ``min`` if smaller is.
        min_span: the scale spans at least so much.
    """

    metric: str
    label: str
    direction: str
    min_span: float


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
            "Nothing is measured yet.", ("parameters and main metric", "value")
        )
        return FigureData(stem, title, caption, message, subject.model)
    caption += (
        " A line is a cell; its colour is the metric, on the scale of the last axis. Lines "
        "through one value are spread in the order of the metric, so that each is seen."
    )
    if len(measured) < len(cells):
        missing = len(cells) - len(measured)
        caption += f" {missing} cells without a value are not drawn."
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
    scale = _Scale(
        metric,
        format_axis_label(results, metric),
        results.metrics[metric].direction,
        span,
    )

    def draw(figure: Figure) -> None:
        _draw_lines(figure, columns, means, scale)

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
) -> _Column:
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
    heights = np.array([centres[place] for place in places])
    for place in set(places):
        members = np.flatnonzero(np.array(places) == place)
        ordered = members[np.argsort(means[members], kind="stable")]
        offsets = np.linspace(-0.5, 0.5, len(ordered) + 2)[1:-1]
        heights[ordered] += SPREAD * step * offsets
    return _Column(name, heights, list(zip(centres, labels, strict=True)))


def _place_numbers(name: str, numbers: Sequence[float]) -> _Column:
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
    return _Column(name, heights, ticks)


def _draw_lines(
    figure: Figure,
    columns: Sequence[_Column],
    means: np.ndarray,
    scale: _Scale,
) -> None:
    """Draw the cells from the worst to the best, so that the best are on top."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_subplot()
    low, high = compute_scale(means, scale.min_span)
    colours = ScalarMappable(
        Normalize(low, high), mpl.colormaps[choose_colour_map(scale.direction)]
    )
    last = np.asarray(colours.norm(means), float)
    heights = np.column_stack([*(one.heights for one in columns), last])
    signed = -means if scale.direction == "min" else means
    width = 1.6 if len(means) <= MAX_THICK_LINES else 0.8
    for index in np.argsort(signed, kind="stable"):
        colour = colours.to_rgba(means[index])
        line: dict[str, Any] = {"color": colour, "linewidth": width}
        axes.plot(range(heights.shape[1]), heights[index], **line)
    _draw_axes(axes, columns, scale.metric)
    bar = figure.colorbar(colours, ax=axes, label=scale.label, pad=0.01)
    bar.outline.set_visible(False)
    if len(set(means)) == 1:
        bar.set_ticks([means[0]], labels=[f"{means[0]:.4g}"])


def _draw_axes(axes: Axes, columns: Sequence[_Column], metric: str) -> None:
    """Draw the vertical axes with the labels of their values."""
    names = [*(one.name for one in columns), metric]
    labels = [name.replace("_", "_\n") for name in names]
    axes.set_xticks(range(len(names)), labels)
    axes.set(xlim=(-0.45, len(names) - 0.9), ylim=(0, 1))
    axes.set(xlabel="parameters, and the main metric", ylabel="value")
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    box = {
        "boxstyle": "round,pad=0.1",
        "fc": "white",
        "ec": "none",
        "alpha": 0.75,
    }
    style: dict[str, Any] = {"textcoords": "offset points", "size": 7.5}
    for place, column in enumerate(columns):
        for height, text in column.ticks:
            shown = text
            if len(text) > TICK_CHARACTERS:
                shown = f"{text[: TICK_CHARACTERS - 1]}…"
            axes.annotate(
                shown,
                (place, height),
                (-4, 0),
                ha="right",
                va="center",
                zorder=4,
                bbox=box,
                **style,
            )
    for place in range(len(names)):
        axes.axvline(place, color=TEXT_GREY, linewidth=0.8, zorder=3)
