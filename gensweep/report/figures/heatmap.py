"""Heatmaps: a shade and a text per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.figures.grids import Heatmap
from gensweep.report.figures.style import create_figure, wrap_title
from gensweep.report.measurement import Measurement, Seeds, round_measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from gensweep.report.figures.grids import GridValue

MAX_DARK_LUMINANCE = 0.5
"""Text is white on a shade that is darker than this, in 0..1."""


def draw_heatmap(heatmap: Heatmap) -> Figure:
    """Draw a heatmap, brighter where it is better; cells without a number are hatched."""
    rows, columns = len(heatmap.rows), len(heatmap.columns)
    size = max(4.2, 1.9 + 0.8 * columns), 1.4 + 0.55 * rows
    figure = create_figure(size)
    axes = figure.add_subplot()
    means = np.full((rows, columns), np.nan)
    for index in np.ndindex(means.shape):
        value = heatmap.values[index[0]][index[1]]
        if isinstance(value, Measurement):
            means[index] = value.mean
    colour_map = choose_colour_map(heatmap.direction)
    low, high = compute_scale(means, heatmap.min_span)
    options: dict[str, Any] = {"vmin": low, "vmax": high, "cmap": colour_map}
    image = axes.imshow(means, origin="lower", aspect="auto", **options)
    for index in np.ndindex(means.shape):
        value = heatmap.values[index[0]][index[1]]
        if value is None:
            continue
        has_number = isinstance(value, Measurement)
        # Without any number there is no colour scale.
        is_dark = has_number and _is_dark(image.to_rgba(means)[index])
        text = format_grid_value(value)
        if (
            heatmap.published
            and heatmap.published[index[0]][index[1]] is not None
        ):
            text += f"\npub. {heatmap.published[index[0]][index[1]]:.4g}"
        _draw_cell(axes, (index[0], index[1]), text, has_number, is_dark)
    axes.set_xticks(range(columns), [str(value) for value in heatmap.columns])
    axes.set_yticks(range(rows), [str(value) for value in heatmap.rows])
    axes.set(xlabel=heatmap.column_label, ylabel=heatmap.row_label)
    _draw_gaps(axes, rows, columns)
    if not np.isnan(means).all():
        _draw_scale(figure, axes, image, heatmap)
    return figure


def _draw_scale(
    figure: Figure, axes: Axes, image: AxesImage, heatmap: Heatmap
) -> None:
    """Draw the colour scale, and beside it a bar as long as a typical interval is wide."""
    height = float(figure.get_size_inches()[1])
    label = wrap_title(heatmap.value_label, height)
    scale = figure.colorbar(image, ax=axes, label=label)
    low, high = image.get_clim()
    if heatmap.is_flat:
        value = (low + high) / 2
        scale.set_ticks([value], labels=[f"{value:.4g}"])
    if not heatmap.min_span:
        return
    share = min(1.0, heatmap.min_span / (high - low))
    line: dict[str, Any] = {"color": "black", "linewidth": 1.2}
    inside = {"transform": scale.ax.transAxes, "clip_on": False}
    scale.ax.plot([-0.35, -0.35], [0, share], **line, **inside)
    for end in (0, share):
        scale.ax.plot([-0.6, -0.1], [end, end], **line, **inside)


def choose_colour_map(direction: str) -> str:
    """Return the colour map that is brighter where a metric of this direction is better."""
    return "cividis_r" if direction == "min" else "cividis"


def compute_scale(
    means: np.ndarray, min_span: float
) -> tuple[float | None, float | None]:
    """Return the ends of the colour scale: those of the means, or wider around their middle."""
    if np.isnan(means).all():
        return None, None
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    # Of equal means, every span shows one flat colour; it only has to be a span.
    span = max(min_span, high - low) or abs(high) or 1.0
    if high - low >= span:
        return low, high
    middle = (low + high) / 2
    return middle - span / 2, middle + span / 2


def _draw_cell(
    axes: Axes,
    index: tuple[int, int],
    text: str,
    has_number: bool,
    is_dark: bool,
) -> None:
    """Write a cell's text, and hatch the cell if it has no number."""
    from matplotlib.patches import Rectangle

    row, column = index
    text_colour = "white" if is_dark else "black"
    axes.text(
        column,
        row,
        text,
        ha="center",
        va="center",
        size=7.5,
        color=text_colour,
    )
    if not has_number:
        # A hatch cannot be mistaken for a shade of the scale, not even in grey.
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(
            Rectangle(
                corner, 1, 1, fill=False, hatch="///", color="#DADADA", lw=0
            )
        )


def format_grid_value(value: GridValue) -> str:
    """Return a mean with its interval on the next line, or the reason why there is none."""
    if isinstance(value, Measurement):
        digits = round_measurement(value)
        lines = [digits.mean]
        if digits.half_width:
            lines.append(f"±{digits.half_width}")
        elif digits.low:
            lines.append(f"[{digits.low}, {digits.high}]")
        if digits.n:
            lines.append(f"(n={digits.n})")
        return "\n".join(lines)
    if isinstance(value, Seeds) and value.others:
        return "\n".join(
            f"{count} {status}" for status, count in value.others
        )
    return "not\nmeasured"


def _draw_gaps(axes: Axes, rows: int, columns: int) -> None:
    """Draw white lines between cells, as the grid of the minor ticks, and hide the frame."""
    axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.set_facecolor("#F6F6F6")
    axes.grid(False)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(False)


def _is_dark(rgba: np.ndarray) -> bool:
    """Return whether text on a colour must be white, by its perceived brightness (Rec. 601)."""
    luminance = float(rgba[:3] @ [0.299, 0.587, 0.114])
    return luminance < MAX_DARK_LUMINANCE
