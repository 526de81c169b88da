"""The main metric over encoder by decoder depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.registries import FIGURES, register_item
from gensweep.ledger.records import DIVERGED, FAILED, MISSING
from gensweep.report.figures.style import canvas, drawn_settings, label, method, wrapped
from gensweep.report.tables.groups import Group
from gensweep.report.tables.layout import format_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]


@register_item(FIGURES, "depth_heatmap")
def depth_heatmap(results: Results) -> Figures:
    """The main metric over encoder by decoder layers, a figure for each model and setting."""
    settings = drawn_settings(results, "depth_heatmap", ("encoder_layers", "decoder_layers"))
    return [(name, _heatmap(results, group)) for name, group in settings]


def _heatmap(results: Results, group: Group) -> Figure:
    from matplotlib.patches import Rectangle

    metric = results.get_main_metric(group.model)
    direction = results.metrics[metric].direction if metric else "none"
    encoders, decoders = (
        sorted({results.params[cell][axis] for cell in group.cells}) for axis in group.axes
    )
    means = np.full((len(encoders), len(decoders)), np.nan)
    texts = {}
    for _, row in results.cells.set_index("cell").loc[group.cells].iterrows():
        params = results.params[str(row.name)]
        place = encoders.index(params["encoder_layers"]), decoders.index(params["decoder_layers"])
        means[place] = row[f"{metric}_mean"] if metric else np.nan
        texts[place] = _cell_text(row, metric)
    brighter = "" if direction == "none" else " Brighter is better."
    size = max(4.2, 1.9 + 0.8 * len(decoders)), 1.7 + 0.55 * len(encoders)
    figure, axes = canvas(size, group.title, f"{method(results, group.cells, metric)}{brighter}")
    image = axes.imshow(
        means, cmap="cividis_r" if direction == "min" else "cividis", origin="lower", aspect="auto"
    )
    for (row, column), text in texts.items():
        dark = (
            not np.isnan(means[row, column]) and _luminance(image.to_rgba(means)[row, column]) < 0.5
        )
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            size=7.5,
            color="white" if dark else "black",
        )
        if np.isnan(means[row, column]):  # no shade of the scale, in grey either
            axes.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5), 1, 1, fill=False, hatch="///", color="#DADADA", lw=0
                )
            )
    axes.set_xticks(range(len(decoders)), [str(value) for value in decoders])
    axes.set_yticks(range(len(encoders)), [str(value) for value in encoders])
    axes.set(xlabel="decoder layers", ylabel="encoder layers")
    axes.set_xticks(np.arange(1, len(decoders)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(encoders)) - 0.5, minor=True)
    axes.set_facecolor("#F6F6F6")
    axes.grid(False)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(False)
    if not np.isnan(means).all():
        figure.colorbar(image, ax=axes, label=wrapped(label(results, metric), size[1]))
    return figure


def _cell_text(row: Any, metric: str | None) -> str:
    """A mean above its interval, or why there is none."""
    if metric is not None and row[f"{metric}_n"]:
        text = format_interval(
            row[f"{metric}_mean"], row[f"{metric}_ci95"], row[f"{metric}_n"], row["n_ok"]
        )
        return text.replace(" ", "\n", 1).replace("± ", "±")
    lost = [
        f"{row[f'n_{status}']} {status}"
        for status in (DIVERGED, FAILED, MISSING)
        if row[f"n_{status}"]
    ]
    return "\n".join(lost) or "not\nmeasured"


def _luminance(rgba: np.ndarray) -> float:
    return float(rgba[:3] @ [0.299, 0.587, 0.114])
