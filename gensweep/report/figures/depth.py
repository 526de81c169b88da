"""The main metric over encoder by decoder depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.ledger.records import DIVERGED, FAILED, MISSING
from gensweep.report.figures.captions import describe_method, format_axis_label
from gensweep.report.figures.style import create_figure, select_settings, wrap_title
from gensweep.report.measurement import Measurement
from gensweep.report.tables.groups import Group
from gensweep.report.tables.text_cells import format_measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

MAX_DARK_LUMINANCE = 0.5
"""Text is white on a shade that is darker than this, in 0..1."""


@register_figure("depth_heatmap")
def draw_depth_heatmap(results: Results) -> Figures:
    """Draw the main metric over encoder by decoder layers, a figure per model and setting."""
    settings = select_settings(results, "depth_heatmap", ("encoder_layers", "decoder_layers"))
    return [(name, _draw_heatmap(results, group)) for name, group in settings]


def _draw_heatmap(results: Results, group: Group) -> Figure:
    metric = results.get_main_metric(group.model)
    direction = "none"
    if metric:
        direction = results.metrics[metric].direction
    encoders, decoders = (
        sorted({results.params[cell][axis] for cell in group.cells}) for axis in group.axes
    )
    means = np.full((len(encoders), len(decoders)), np.nan)
    texts = {}
    for _, row in results.cells.set_index("cell").loc[group.cells].iterrows():
        params = results.params[str(row.name)]
        index = encoders.index(params["encoder_layers"]), decoders.index(params["decoder_layers"])
        if metric:
            means[index] = row[f"{metric}_mean"]
        texts[index] = _format_cell(results, row, metric)
    caption = describe_method(results, group.cells, metric)
    if direction != "none":
        caption += " Brighter is better."
    size = max(4.2, 1.9 + 0.8 * len(decoders)), 1.7 + 0.55 * len(encoders)
    figure, axes = create_figure(size, group.title, caption)
    colour_map = "cividis_r" if direction == "min" else "cividis"
    image = axes.imshow(means, cmap=colour_map, origin="lower", aspect="auto")
    for index, text in texts.items():
        has_number = not np.isnan(means[index])
        # Without any number there is no colour scale to ask.
        is_dark = has_number and _is_dark(image.to_rgba(means)[index])
        _draw_cell(axes, index, text, has_number, is_dark)
    axes.set_xticks(range(len(decoders)), [str(value) for value in decoders])
    axes.set_yticks(range(len(encoders)), [str(value) for value in encoders])
    axes.set(xlabel="decoder layers", ylabel="encoder layers")
    _draw_gaps(axes, len(encoders), len(decoders))
    if not np.isnan(means).all():
        label = wrap_title(format_axis_label(results, metric), size[1])
        figure.colorbar(image, ax=axes, label=label)
    return figure


def _draw_cell(
    axes: Axes, index: tuple[int, int], text: str, has_number: bool, is_dark: bool
) -> None:
    """Write a cell's text, and hatch the cell if it has no number."""
    from matplotlib.patches import Rectangle

    row, column = index
    text_colour = "white" if is_dark else "black"
    axes.text(column, row, text, ha="center", va="center", size=7.5, color=text_colour)
    if not has_number:
        # A hatch cannot be mistaken for a shade of the scale, not even in grey.
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="///", color="#DADADA", lw=0))


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


def _format_cell(results: Results, row: Any, metric: str | None) -> str:
    """Return a mean with its interval on the next line, or the reason why there is none."""
    if metric is not None and row[f"{metric}_n"]:
        value = results.measure(str(row.name), metric)
        if isinstance(value, Measurement):
            return format_measurement(value).replace(" ", "\n", 1).replace("± ", "±")
    lost = []
    for status in (DIVERGED, FAILED, MISSING):
        count = row[f"n_{status}"]
        if count:
            lost.append(f"{count} {status}")
    return "\n".join(lost) or "not\nmeasured"


def _is_dark(rgba: np.ndarray) -> bool:
    """Return whether text on a colour must be white, by its perceived brightness (Rec. 601)."""
    luminance = float(rgba[:3] @ [0.299, 0.587, 0.114])
    return luminance < MAX_DARK_LUMINANCE
