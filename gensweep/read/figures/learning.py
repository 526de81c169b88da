"""Metrics by epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.catalog import FIGURES, page
from gensweep.core.errors import RecordError
from gensweep.core.records import OK
from gensweep.read.figures.style import (
    SERIES,
    band,
    canvas,
    legend,
    seeds_caption,
    unit,
)
from gensweep.read.statistics import Summary, summarise
from gensweep.read.tables.groups import file_name, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.read.results import Results

    Figures = list[tuple[str, Figure]]

BACKGROUND = 40
"""Most other cells behind the learning curves."""
_log = logging.getLogger(__name__)


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
    caption = seeds_caption([n for _, curve in curves.values() for n in curve.n])
    if many:
        caption += f" #: rank by test {metric} among {len(ids)} cells; grey: {len(rest)} others."
    if unfinished := len(results.cells_of(model)) - len(ids):
        caption += f" {unfinished} cells have nothing to show yet."
    if lost:
        caption += f" {lost} histories are missing or cannot be read."
    figure, axes = canvas((6.4, 3.8), model, caption)
    for place in rest:
        epochs, curve = curves[ids[place]]
        axes.plot(epochs, curve.mean, color="#CFCFCF", linewidth=0.8, zorder=1)
    for style, place in enumerate(chosen):
        values = ", ".join(plain(results.params[ids[place]].get(name, "–")) for name in names) or "all seeds"
        band(axes, *curves[ids[place]], f"#{place + 1}: {values}" if many else values, style)
    axes.set(xlabel="epoch", ylabel=column.replace("/", " ") + unit(results, column.rpartition("/")[2]))
    axes.locator_params(axis="x", integer=True)
    legend(figure, axes, ", ".join(names))
    return figure


def _ranked(results: Results, model: str) -> list[str]:
    """The model's cells with a point that is ok, the best first where the main metric has a direction."""
    metric = results.main_metric(model)
    done = set(results.cells.loc[results.cells["n_ok"] > 0, "cell"])
    ids = [cell for cell in results.cells_of(model) if cell in done]
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
