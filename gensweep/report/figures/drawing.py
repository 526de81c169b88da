"""Drawing of figures by matplotlib: the last step, from `FigureData` to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gensweep.report.figures.data import (
    Axis,
    CustomPlot,
    FigureData,
    Panel,
    Plot,
)
from gensweep.report.figures.grids import Heatmap, ImageGrid
from gensweep.report.figures.heatmap import draw_heatmap
from gensweep.report.figures.image_grid import draw_image_grid
from gensweep.report.figures.plots import add_legend, draw_series
from gensweep.report.figures.style import create_figure, wrap_title
from gensweep.report.measurement import UNBOUNDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.measurement import Range

SYMLOG_LINEAR_SCALE = 0.4
"""Length of a symlog axis from 0 to 1, in decades."""
BOUND_MARGIN = 0.03
"""Space beyond the largest or smallest possible value, as a share of the axis."""


def draw(data: FigureData) -> Figure:
    """Draw a figure without its title and caption."""
    content = data.content
    if isinstance(content, Plot):
        return _draw_plot(content)
    if isinstance(content, Heatmap):
        return draw_heatmap(content)
    if isinstance(content, ImageGrid):
        return draw_image_grid(content)
    return _draw_custom(content)


def _draw_custom(content: CustomPlot) -> Figure:
    figure = create_figure(content.size)
    content.draw(figure)
    return figure


def _draw_plot(plot: Plot) -> Figure:
    figure = create_figure(plot.size)
    all_axes = figure.subplots(1, len(plot.panels), squeeze=False)[0].tolist()
    for axes, panel in zip(all_axes, plot.panels, strict=True):
        _draw_panel(axes, panel)
        if panel.title:
            width = (plot.size[0] - 2) / len(plot.panels)
            axes.set_title(
                wrap_title(panel.title, width), loc="left", size=9.0
            )
    add_legend(figure, all_axes, plot.legend_title)
    return figure


def _draw_panel(axes: Axes, panel: Panel) -> None:
    for series in panel.series:
        draw_series(axes, series)
    axes.set(xlabel=panel.x.label, ylabel=panel.y.label)
    _set_scale(axes, "x", panel.x)
    _set_scale(axes, "y", panel.y)


def _set_scale(axes: Axes, name: Literal["x", "y"], axis: Axis) -> None:
    """Set scale, ticks and limits of an axis, ``x`` or ``y``."""
    drawn = axes.xaxis if name == "x" else axes.yaxis
    if axis.scale == "symlog":
        options = {"linthresh": 1, "linscale": SYMLOG_LINEAR_SCALE}
        set_scale = axes.set_xscale if name == "x" else axes.set_yscale
        set_scale("symlog", **options)
    elif axis.scale != "linear":
        axes.set(**{f"{name}scale": axis.scale})
    if axis.ticks:
        labels = list(axis.tick_labels) or [
            f"{tick:g}" for tick in axis.ticks
        ]
        drawn.set_ticks(axis.ticks, labels=labels)
        axes.minorticks_off()
    if axis.is_whole:
        # There are no parts of an epoch to mark, not even on an axis of one epoch.
        axes.locator_params(axis=name, integer=True, min_n_ticks=1)
    if axis.limits is not None:
        axes.set(**{f"{name}lim": axis.limits})
    elif axis.bounds != UNBOUNDED:
        _stay_within(axes, name, axis.bounds)


def _stay_within(axes: Axes, name: Literal["x", "y"], bounds: Range) -> None:
    """Cut what an axis shows beyond the possible values, and leave a margin for markers."""
    low, high = axes.get_xlim() if name == "x" else axes.get_ylim()
    smallest, largest = bounds
    if smallest is not None:
        low = max(low, smallest - BOUND_MARGIN * (high - smallest))
    if largest is not None:
        high = min(high, largest + BOUND_MARGIN * (largest - low))
    axes.set(**{f"{name}lim": (low, high)})
