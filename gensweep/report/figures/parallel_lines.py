"""Drawing of parallel coordinates: vertical axes, and a coloured line per cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.figures.heatmap import choose_colour_map, compute_scale
from gensweep.report.figures.style import TEXT_GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_THICK_LINES = 40
TICK_CHARACTERS = 14
"""Longest label of a value; longer ones are cut."""


@dataclass(frozen=True)
class Column:
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
class Scale:
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


def draw_lines(
    figure: Figure,
    columns: Sequence[Column],
    means: np.ndarray,
    scale: Scale,
) -> None:
    """Draw the cells from the worst to the best, so that the best are on top."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_subplot()
    low, high = compute_scale(means, scale.min_span)
    colours = ScalarMappable(
        Normalize(low, high),
        mpl.colormaps[choose_colour_map(scale.direction)],
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


def _draw_axes(axes: Axes, columns: Sequence[Column], metric: str) -> None:
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
    for position, column in enumerate(columns):
        for height, text in column.ticks:
            shown = text
            if len(text) > TICK_CHARACTERS:
                shown = f"{text[: TICK_CHARACTERS - 1]}…"
            axes.annotate(
                shown,
                (position, height),
                (-4, 0),
                ha="right",
                va="center",
                zorder=4,
                bbox=box,
                **style,
            )
    for position in range(len(names)):
        axes.axvline(position, color=TEXT_GREY, linewidth=0.8, zorder=3)
