"""Figures: functions of `Results` that draw with matplotlib's objects, which are imported when one is drawn.

Series differ in colour (Okabe and Ito's, safe for the colour-blind), marker and line, so that they stay
apart in grey; the colour map of the heatmaps (cividis) rises evenly in brightness.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.catalog import FIGURES, Page, page
from gensweep.core.errors import RecordError
from gensweep.core.records import OK
from gensweep.read.published import published_tables
from gensweep.read.statistics import Summary, summarise
from gensweep.read.tables.groups import Group, file_name, grids, groups, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.read.collect import Results

SERIES = 7
"""Most series in one figure; no more can be told apart."""
BACKGROUND = 40
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
_RC = {
    "svg.hashsalt": "gensweep",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "savefig.dpi": 200,
}
_METHOD = "mean over seeds with its 95% confidence interval (Student's t), of the points that are ok"


def render(figure_page: Page, results: Results) -> Iterator[tuple[str, bytes, bytes]]:
    """Draw a page's figures: name, SVG and PNG, the same bytes for the same results."""
    from matplotlib import style

    with style.context(["default", _RC], after_reset=True):
        for name, figure in figure_page.make(results):
            svg, png = io.BytesIO(), io.BytesIO()
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
            figure.savefig(png, format="png", metadata={"Software": None})
            yield name, svg.getvalue(), png.getvalue()


@page(FIGURES, "depth_heatmap")
def depth_heatmap(results: Results) -> list[tuple[str, Figure]]:
    """Mean and interval of the main metric over encoder by decoder layers, a figure for each model and setting."""
    kept, _ = grids(results, ("encoder_layers", "decoder_layers"))
    return [(group.name("depth_heatmap"), _heatmap(results, group)) for group in kept]


def _heatmap(results: Results, group: Group) -> Figure:
    metric = results.main_metric(group.model)
    cells = results.cells.set_index("cell").loc[group.cells]
    encoders, decoders = (sorted({results.params[cell][axis] for cell in group.cells}) for axis in group.axes)
    means = np.full((len(encoders), len(decoders)), np.nan)
    texts: dict[tuple[int, int], str] = {}
    for cell, row in cells.iterrows():
        params = results.params[str(cell)]
        place = encoders.index(params["encoder_layers"]), decoders.index(params["decoder_layers"])
        means[place] = row[f"{metric}_mean"] if metric else np.nan
        texts[place] = _cell_text(row, metric)
    size = 2.6 + 0.85 * len(decoders), 1.7 + 0.6 * len(encoders)
    brighter = "" if metric is None or results.metrics[metric].direction == "none" else " Brighter is better."
    seeds = _seeds(cells[f"{metric}_n"] if metric else [0])
    figure, axes = _canvas(size, group.title, f"In each cell: {_METHOD}; {seeds}.{brighter}")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(len(decoders)), [str(value) for value in decoders])
    axes.set_yticks(range(len(encoders)), [str(value) for value in encoders])
    axes.set(xlabel="decoder layers", ylabel="encoder layers")
    axes.tick_params(length=0)
    smaller = metric is not None and results.metrics[metric].direction == "min"
    image = axes.imshow(means, cmap="cividis_r" if smaller else "cividis", origin="lower", aspect="auto")
    for (row, column), text in texts.items():
        red, green, blue, alpha = image.to_rgba(means)[row, column] if not np.isnan(means[row, column]) else (1, 1, 1, 0)
        dark = alpha and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.text(column, row, text, ha="center", va="center", size=7.5, color="white" if dark else "black")
    if not np.isnan(means).all():
        bar = figure.colorbar(image, ax=axes, label=_label(results, metric))
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _cell_text(row: Any, metric: str | None) -> str:
    if metric is None or math.isnan(row[f"{metric}_mean"]):
        bad = [f"{row[f'n_{status}']} {status}" for status in ("diverged", "failed", "missing") if row[f"n_{status}"]]
        return "\n".join(bad) or "not\nmeasured"
    interval = row[f"{metric}_ci95"]
    return f"{row[f'{metric}_mean']:.3g}\n" + (f"n={row[f'{metric}_n']}" if math.isnan(interval) else f"±{interval:.2g}")


@page(FIGURES, "learning_curves")
def learning_curves(results: Results) -> list[tuple[str, Figure]]:
    """Validation of the main metric by epoch, a line for each cell; of many cells the best, the median and the worst."""
    return [(file_name("learning_curves", model), _learning(results, model)) for model in results.models]


def _learning(results: Results, model: str) -> Figure:
    ids, metric = _ranked(results, model), results.main_metric(model)
    chosen = list(range(len(ids)))
    if len(ids) > SERIES:
        chosen = [0, 1, 2, len(ids) // 2, len(ids) - 1]
    rest = [place for place in range(len(ids)) if place not in chosen]
    rest = [rest[i] for i in np.unique(np.linspace(0, len(rest) - 1, min(BACKGROUND, len(rest))).astype(int))] if rest else []
    curves, column, lost = _curves(results, [ids[place] for place in (*chosen, *rest)], metric)
    which = f"{len(chosen)} of {len(ids)} cells (ranks by test {metric}), {len(rest)} others in grey: " if rest else ""
    seeds = _seeds([n for curve in curves.values() for n in curve[1].n])
    trouble = f" {lost} histories are missing or cannot be read." if lost else ""
    caption = f"{which}{_METHOD}; {seeds}.{trouble}"
    figure, axes = _canvas((6.4, 3.8), model, caption)
    for place in rest:
        epochs, curve = curves[ids[place]]
        axes.plot(epochs, curve.mean, color="#D0D0D0", linewidth=0.8, zorder=1)
    names = results.varying_of[model]
    for style, place in enumerate(chosen):
        epochs, curve = curves[ids[place]]
        values = ", ".join(plain(results.params[ids[place]].get(name, "–")) for name in names) or "the one cell"
        label = f"#{place + 1}: {values}" if rest else values
        _band(axes, epochs, curve, label, style)
    unit = _label(results, metric, split="") if metric and column == f"validation/{metric}" else ""
    axes.set(xlabel="epoch", ylabel=f"{column.replace('/', ' ')}{unit}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    _legend(figure, axes, "\n".join(textwrap.wrap(", ".join(names), 28)))
    return figure


def _ranked(results: Results, model: str) -> list[str]:
    """The model's cells, the best first where the main metric has a direction."""
    metric = results.main_metric(model)
    if metric is None or results.metrics[metric].direction == "none":
        return results.cells_of(model)
    cells = results.cells[results.cells["model"] == model]
    smaller = results.metrics[metric].direction == "min"
    return cells.sort_values(f"{metric}_mean", ascending=smaller, kind="stable")["cell"].tolist()


def _curves(
    results: Results, cells: Sequence[str], metric: str | None
) -> tuple[dict[str, tuple[np.ndarray, Summary]], str, int]:
    """For each cell the epochs and the summary over its ok points; the column drawn; the histories not to be had."""
    points = results.points[(results.points["status"] == OK) & results.points["cell"].isin(list(cells))]
    histories: dict[str, list[dict[str, np.ndarray]]] = {cell: [] for cell in cells}
    lost = 0
    for point, cell in zip(points["id"], points["cell"], strict=True):
        try:
            history = results.history(point)
        except RecordError:
            history = None
        if history:
            histories[cell].append(history)
        lost += not history
    present = dict.fromkeys(name for found in histories.values() for history in found for name in history)
    wanted = (f"validation/{metric}", "validation/loss", "train/loss", *present)
    column = next((name for name in wanted if name in present and name != "epoch"), wanted[0])
    curves = {}
    for cell, found in histories.items():
        measured = [history for history in found if column in history and "epoch" in history]
        epochs = np.concatenate([history["epoch"] for history in measured] or [np.zeros(0)])
        values = np.concatenate([history[column] for history in measured] or [np.zeros(0)])
        steps, place = np.unique(epochs, return_inverse=True)
        curves[cell] = steps, summarise(np.where(np.isfinite(values), values, np.nan), place, len(steps))
    return curves, column, lost


@page(FIGURES, "train_fraction_curve")
def train_fraction_curve(results: Results) -> list[tuple[str, Figure]]:
    """The main metric by training set size, a line for each setting, with the report's Table 1 where it applies."""
    figures = []
    for model in results.models:
        kept, _ = grids(results, ("train_fraction",), [model])
        for first in range(0, len(kept), SERIES):
            part = "" if len(kept) <= SERIES else str(first // SERIES + 1)
            figure = _by_fraction(results, model, kept[first : first + SERIES])
            figures.append((file_name("train_fraction_curve", model, part), figure))
    return figures


def _by_fraction(results: Results, model: str, members: list[Group]) -> Figure:
    metric = results.main_metric(model)
    cells = [cell for group in members for cell in group.cells]
    table = next(
        (t for t in published_tables(model, (1,)) if metric in t.numbers and any(t.has(results.params[c]) for c in cells)),
        None,
    )
    caption = f"{_capital(_METHOD)}; {_measured_seeds(results, cells, metric)}."
    caption += " report: its Table 1, one run a number, without an interval." if table else ""
    figure, axes = _canvas((6.4, 3.6), model, caption)
    for style, group in enumerate(members):
        _points(axes, results, group.cells, "train_fraction", metric, group.label or "gensweep", style)
    if table and metric:
        numbers = sorted((key[0], value) for key, value in table.numbers[metric].items())
        axes.plot(*zip(*numbers, strict=True), color="black", linestyle=":", marker="x", label="report")
    axes.set(xlabel="train_fraction [share of all but the test set]", ylabel=_label(results, metric))
    _legend(figure, axes, "")
    return figure


@page(FIGURES, "budget_curve")
def budget_curve(results: Results) -> list[tuple[str, Figure]]:
    """The main metric by epochs, a line for each batch size, a figure for each model and setting."""
    kept, _ = grids(results, ("epochs", "batch_size"))
    return [(group.name("budget_curve"), _by_epochs(results, group)) for group in kept]


def _by_epochs(results: Results, group: Group) -> Figure:
    metric = results.main_metric(group.model)
    caption = f"{_capital(_METHOD)}; {_measured_seeds(results, group.cells, metric)}."
    figure, axes = _canvas((6.4, 3.6), group.title, caption)
    sizes = sorted({results.params[cell]["batch_size"] for cell in group.cells})
    for style, size in enumerate(sizes):
        cells = [cell for cell in group.cells if results.params[cell]["batch_size"] == size]
        _points(axes, results, cells, "epochs", metric, str(size), style)
    epochs = sorted({results.params[cell]["epochs"] for cell in group.cells})
    if epochs[-1] >= 8 * epochs[0]:
        axes.set_xscale("log")
        axes.set_xticks(epochs, [str(value) for value in epochs])
        axes.minorticks_off()
    axes.set(xlabel="epochs", ylabel=_label(results, metric))
    _legend(figure, axes, "batch_size")
    return figure
