"""Figures: functions of `Results` that draw with matplotlib's objects, which are imported when one is drawn.

Series differ in colour (Okabe and Ito's, safe for the colour-blind), marker and line, so that they stay
apart in grey; the colour map of the heatmaps (cividis) rises evenly in brightness.
"""

from __future__ import annotations

import io
import logging
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.catalog import FIGURES, Page, page
from gensweep.core.errors import RecordError
from gensweep.core.records import DIVERGED, FAILED, MISSING, OK
from gensweep.read.published import published_tables
from gensweep.read.statistics import Summary, summarise
from gensweep.read.tables.groups import Group, file_name, grids, plain
from gensweep.read.tables.layout import with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.read.collect import Results

    Figures = list[tuple[str, Figure]]

SERIES = 7
"""Most series in one figure: as many as can be told apart."""
BACKGROUND = 40
"""Most other cells behind the learning curves."""
MOST_FIGURES = 24
"""Most settings of one page that are drawn; the log names how many are not."""
REPORT = "report"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
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
_METHOD = "Mean over seeds and its 95% confidence interval (Student's t), of the points that are ok"
_log = logging.getLogger(__name__)


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
def depth_heatmap(results: Results) -> Figures:
    """The main metric over encoder by decoder layers, a figure for each model and setting."""
    settings = _settings(results, "depth_heatmap", ("encoder_layers", "decoder_layers"))
    return [(group.name("depth_heatmap"), _heatmap(results, group)) for group in settings]


def _heatmap(results: Results, group: Group) -> Figure:
    metric = results.main_metric(group.model)
    direction = results.metrics[metric].direction if metric else "none"
    encoders, decoders = (sorted({results.params[cell][axis] for cell in group.cells}) for axis in group.axes)
    means = np.full((len(encoders), len(decoders)), np.nan)
    texts = {}
    for _, row in results.cells.set_index("cell").loc[group.cells].iterrows():
        params = results.params[str(row.name)]
        place = encoders.index(params["encoder_layers"]), decoders.index(params["decoder_layers"])
        means[place] = row[f"{metric}_mean"] if metric else np.nan
        texts[place] = _cell_text(row, metric)
    brighter = "" if direction == "none" else " Brighter is better."
    size = max(4.2, 1.9 + 0.8 * len(decoders)), 1.7 + 0.55 * len(encoders)
    figure, axes = _canvas(size, group.title, f"{_method(results, group.cells, metric)}{brighter}")
    image = axes.imshow(means, cmap="cividis_r" if direction == "min" else "cividis", origin="lower", aspect="auto")
    for (row, column), text in texts.items():
        dark = not np.isnan(means[row, column]) and _luminance(image.to_rgba(means)[row, column]) < 0.5
        axes.text(column, row, text, ha="center", va="center", size=7.5, color="white" if dark else "black")
    axes.set_xticks(range(len(decoders)), [str(value) for value in decoders])
    axes.set_yticks(range(len(encoders)), [str(value) for value in encoders])
    axes.set(xlabel="decoder layers", ylabel="encoder layers")
    axes.set_xticks(np.arange(1, len(decoders)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(encoders)) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(False)
    if not np.isnan(means).all():
        figure.colorbar(image, ax=axes, label=_label(results, metric))
    return figure


def _cell_text(row: Any, metric: str | None) -> str:
    """A mean above its interval, or why there is none."""
    if metric is not None and row[f"{metric}_n"]:
        text = with_interval(row[f"{metric}_mean"], row[f"{metric}_ci95"], row[f"{metric}_n"], row["n_ok"])
        return text.replace(" ", "\n", 1).replace("± ", "±")
    lost = [f"{row[f'n_{status}']} {status}" for status in (DIVERGED, FAILED, MISSING) if row[f"n_{status}"]]
    return "\n".join(lost) or "not\nmeasured"


def _luminance(rgba: np.ndarray) -> float:
    return float(rgba[:3] @ [0.299, 0.587, 0.114])


@page(FIGURES, "learning_curves")
def learning_curves(results: Results) -> Figures:
    """The main metric on the validation set by epoch, a line a cell; of many cells the best, median and worst."""
    return [(file_name("learning_curves", model), _learning(results, model)) for model in results.models]


def _learning(results: Results, model: str) -> Figure:
    ids, metric, names = _ranked(results, model), results.main_metric(model), results.varying_of[model]
    many = len(ids) > SERIES
    chosen = [0, 1, 2, len(ids) // 2, len(ids) - 1] if many else list(range(len(ids)))
    rest = [place for place in range(len(ids)) if place not in chosen]
    rest = rest[:: math.ceil(len(rest) / BACKGROUND)] if rest else []
    curves, column, lost = _curves(results, [ids[place] for place in (*chosen, *rest)], metric)
    caption = _caption([n for _, curve in curves.values() for n in curve.n])
    if many:
        caption += f" #: rank by test {metric} among {len(ids)} cells; grey: {len(rest)} others."
    if lost:
        caption += f" {lost} histories are missing or cannot be read."
    figure, axes = _canvas((6.4, 3.8), model, caption)
    for place in rest:
        epochs, curve = curves[ids[place]]
        axes.plot(epochs, curve.mean, color="#CFCFCF", linewidth=0.8, zorder=1)
    for style, place in enumerate(chosen):
        values = ", ".join(plain(results.params[ids[place]].get(name, "–")) for name in names) or "all seeds"
        _band(axes, *curves[ids[place]], f"#{place + 1}: {values}" if many else values, style)
    axes.set(xlabel="epoch", ylabel=column.replace("/", " ") + _unit(results, column.rpartition("/")[2]))
    axes.locator_params(axis="x", integer=True)
    _legend(figure, axes, ", ".join(names))
    return figure


def _ranked(results: Results, model: str) -> list[str]:
    """The model's cells, the best first where the main metric has a direction."""
    metric = results.main_metric(model)
    ids = results.cells_of(model)
    if metric is None or results.metrics[metric].direction == "none":
        return ids
    means = results.cells.set_index("cell").loc[ids, f"{metric}_mean"]
    smaller = results.metrics[metric].direction == "min"
    return means.sort_values(ascending=smaller, kind="stable").index.tolist()


def _curves(
    results: Results, cells: Sequence[str], metric: str | None
) -> tuple[dict[str, tuple[np.ndarray, Summary]], str, int]:
    """For each cell its epochs and the summary of its ok points; the column it is of; how many histories are lost."""
    histories: dict[str, list[dict[str, np.ndarray]]] = {cell: [] for cell in cells}
    points = results.points[(results.points["status"] == OK) & results.points["cell"].isin(list(cells))]
    lost = 0
    for point, cell in zip(points["id"], points["cell"], strict=True):
        try:
            history = results.history(point)
        except RecordError as error:
            _log.warning("%s", error)
            history = None
        if history is None:
            lost += 1
        else:
            histories[cell].append(history)
    present = {name: None for found in histories.values() for history in found for name in history if name != "epoch"}
    wanted = (f"validation/{metric}", "validation/loss", "train/loss")
    column = next((name for name in (*wanted, *present) if name in present), wanted[0])
    return {cell: _curve(found, column) for cell, found in histories.items()}, column, lost


def _curve(histories: Iterable[dict[str, np.ndarray]], column: str) -> tuple[np.ndarray, Summary]:
    """Epochs [E], and the summary of a column over the histories at each."""
    found = [history for history in histories if column in history and "epoch" in history]
    epochs = np.concatenate([np.zeros(0), *(history["epoch"] for history in found)])
    values = np.concatenate([np.zeros(0), *(history[column] for history in found)])
    steps, place = np.unique(epochs, return_inverse=True)
    return steps, summarise(np.where(np.isfinite(values), values, np.nan), place, len(steps))


@page(FIGURES, "train_fraction_curve")
def train_fraction_curve(results: Results) -> Figures:
    """The main metric by training set size, a line a setting, with the report's Table 1 where it applies."""
    figures = []
    for model in results.models:
        settings = [group for group in grids(results, ("train_fraction",))[0] if group.model == model]
        parts = [settings[first : first + SERIES] for first in range(0, len(settings), SERIES)]
        for number, part in enumerate(parts, 1):
            name = file_name("train_fraction_curve", model, str(number) if len(parts) > 1 else "")
            figures.append((name, _by_fraction(results, model, part)))
    return figures


def _by_fraction(results: Results, model: str, settings: list[Group]) -> Figure:
    metric = results.main_metric(model)
    cells = [cell for group in settings for cell in group.cells]
    tables = [t for t in published_tables(model, (1,)) if any(t.has(results.params[cell]) for cell in cells)]
    caption = _method(results, cells, metric)
    caption += " Report: its Table 1, one run a number, without an interval." if tables else ""
    figure, axes = _canvas((6.4, 3.6), model, caption)
    for style, group in enumerate(settings):
        _line(axes, results, group.cells, "train_fraction", metric, group.label or "gensweep", style)
    for table in tables:
        numbers = sorted((key[0], value) for key, value in table.numbers.get(metric or "", {}).items())
        axes.plot(*zip(*numbers, strict=True), color="black", linestyle=":", marker="x", label=REPORT)
    axes.set(xlabel="training set [share of all but the test set]", ylabel=_label(results, metric))
    _legend(figure, axes)
    return figure


@page(FIGURES, "budget_curve")
def budget_curve(results: Results) -> Figures:
    """The main metric by epochs, a line a batch size, a figure for each model and setting."""
    settings = _settings(results, "budget_curve", ("epochs", "batch_size"))
    return [(group.name("budget_curve"), _by_epochs(results, group)) for group in settings]


def _by_epochs(results: Results, group: Group) -> Figure:
    metric = results.main_metric(group.model)
    figure, axes = _canvas((6.4, 3.6), group.title, _method(results, group.cells, metric))
    for style, size in enumerate(sorted({results.params[cell]["batch_size"] for cell in group.cells})):
        cells = [cell for cell in group.cells if results.params[cell]["batch_size"] == size]
        _line(axes, results, cells, "epochs", metric, str(size), style)
    epochs = sorted({results.params[cell]["epochs"] for cell in group.cells})
    if epochs[-1] >= 8 * epochs[0]:
        axes.set_xscale("log")
    axes.set_xticks(epochs, [str(value) for value in epochs])
    axes.minorticks_off()
    axes.set(xlabel="epochs", ylabel=_label(results, metric))
    _legend(figure, axes, "batch_size")
    return figure


def _settings(results: Results, name: str, axes: tuple[str, ...]) -> list[Group]:
    kept, _ = grids(results, axes)
    if len(kept) > MOST_FIGURES:
        _log.warning("%s: the first %d of %d settings are drawn; the tables have all", name, MOST_FIGURES, len(kept))
    return kept[:MOST_FIGURES]


def _canvas(size: tuple[float, float], title: str, caption: str) -> tuple[Figure, Axes]:
    """A figure [inches] with its title above and its caption below."""
    from matplotlib.figure import Figure

    characters = int(size[0] * 16)
    caption = "\n".join(textwrap.wrap(caption, characters))
    extra = 0.14 * caption.count("\n")
    figure = Figure(figsize=(size[0], size[1] + extra), layout="constrained")
    figure.supxlabel(caption, x=0.01, ha="left", size=7.5, color="#404040")
    axes = figure.add_subplot()
    axes.set_title("\n".join(textwrap.wrap(title, int(size[0] * 11))), loc="left")
    return figure, axes


def _line(
    axes: Axes, results: Results, cells: Sequence[str], x: str, metric: str | None, label: str, style: int
) -> None:
    """Means with error bars; cells without a number leave a gap."""
    if metric is None:
        return
    rows = results.cells.set_index("cell").loc[list(cells)]
    axes.errorbar(
        [results.params[cell][x] for cell in cells], rows[f"{metric}_mean"], rows[f"{metric}_ci95"],
        color=_COLOURS[style % SERIES], linestyle=_LINES[style % SERIES], marker=_MARKERS[style % SERIES],
        capsize=2.5, elinewidth=0.9, label=label,
    )  # fmt: skip


def _band(axes: Axes, x: np.ndarray, summary: Summary, label: str, style: int) -> None:
    """A mean with its interval as a band, which is absent where it is not defined."""
    colour = _COLOURS[style % SERIES]
    axes.plot(
        x, summary.mean, color=colour, linestyle=_LINES[style % SERIES], marker=_MARKERS[style % SERIES],
        markevery=max(1, len(x) // 10), label=label,
    )  # fmt: skip
    low, high = summary.mean - summary.ci95, summary.mean + summary.ci95
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def _legend(figure: Figure, axes: Axes, title: str = "") -> None:
    """Beside the axes, in the order of drawing but the report last."""
    pairs = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda pair: pair[1] == REPORT)
    if pairs:
        handles, labels = zip(*pairs, strict=True)
        title = "\n".join(textwrap.wrap(title, 28))
        figure.legend(handles, labels, loc="outside right upper", title=title, alignment="left")


def _label(results: Results, metric: str | None) -> str:
    return f"test {metric}{_unit(results, metric)}" if metric else "no metric"


def _unit(results: Results, metric: str) -> str:
    unit = results.metrics[metric].unit if metric in results.metrics else ""
    return "\n" * (len(unit) > 12) + f" [{unit}]" if unit else ""


def _method(results: Results, cells: Sequence[str], metric: str | None) -> str:
    """The caption's first sentence: what is drawn, and of how many seeds."""
    if metric is None:
        return "No metric."
    return _caption(results.cells.set_index("cell").loc[list(cells), f"{metric}_n"])


def _caption(counts: Iterable[int]) -> str:
    found = sorted({int(count) for count in counts if count > 0})
    if not found:
        return "Nothing is measured yet."
    if found == [1]:
        return "One seed (n = 1): no interval is defined."
    seeds = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
    undefined = "; no interval is defined where n = 1" if found[0] == 1 else ""
    return f"{_METHOD}; n = {seeds} seeds{undefined}."
