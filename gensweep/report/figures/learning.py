"""Metrics by epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.core.registries import FIGURES, register_item
from gensweep.ledger.records import OK
from gensweep.report.figures.selection import (
    Setting,
    describe_choice,
    name_models,
    name_settings,
    rank_cells,
    select_best_and_others,
    split_by_dataset,
)
from gensweep.report.figures.style import SERIES, band, canvas, legend, panels, seeds_caption, unit
from gensweep.report.summary import Summary, summarize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

SPLITS = ("train", "validation")
MAX_BACKGROUND_CURVES = 40
"""Most other cells behind the learning curves."""
_log = logging.getLogger(__name__)


@register_item(FIGURES, "learning_curves")
def learning_curves(results: Results) -> Figures:
    """The main metric on the validation set by epoch, a line a cell; of many cells the best, median and worst."""
    return [
        (name, _learning(results, model))
        for name, model in name_models("learning_curves", results.models)
    ]


def _learning(results: Results, model: str) -> Figure:
    ids, metric, names = (
        rank_cells(results, model),
        results.get_main_metric(model),
        results.varying_of[model],
    )
    many = len(ids) > SERIES
    chosen = [0, 1, 2, len(ids) // 2, len(ids) - 1] if many else list(range(len(ids)))
    rest = [place for place in range(len(ids)) if place not in chosen]
    rest = rest[:: math.ceil(len(rest) / MAX_BACKGROUND_CURVES)] if rest else []
    curves, column, lost = _curves(results, [ids[place] for place in (*chosen, *rest)], metric)
    caption = seeds_caption([n for _, curve in curves.values() for n in curve.n])
    if many:
        caption += f" #1 is the first of {len(ids)} cells, grey: {len(rest)} others. {describe_choice(results, model)}"
    if unfinished := len(results.list_cells(model)) - len(ids):
        caption += f" {unfinished} cells have nothing to show yet."
    if lost:
        caption += f" {lost} histories are missing or cannot be read."
    figure, axes = canvas((6.4, 3.8), model, caption)
    for place in rest:
        epochs, curve = curves[ids[place]]
        axes.plot(epochs, curve.mean, color="#CFCFCF", linewidth=0.8, zorder=1)
    for style, place in enumerate(chosen):
        params = results.params[ids[place]]
        texts = [
            results.names.text(name, params[name]) if name in params else "–" for name in names
        ]
        values = ", ".join(texts) or "all seeds"
        band(axes, *curves[ids[place]], f"#{place + 1}: {values}" if many else values, style)
    axes.set(
        xlabel="epoch", ylabel=column.replace("/", " ") + unit(results, column.rpartition("/")[2])
    )
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    legend(figure, axes, ", ".join(names))
    return figure


def _curves(
    results: Results, cells: Sequence[str], metric: str | None
) -> tuple[dict[str, tuple[np.ndarray, Summary]], str, int]:
    """For each cell its epochs and the summary of its ok points; the column it is of; how many histories are lost."""
    histories, lost = _histories(results, cells)
    present = _columns(history for found in histories.values() for history in found)
    wanted = (f"validation/{metric}", "validation/loss", "train/loss")
    column = next((name for name in (*wanted, *present) if name in present), wanted[0])
    return {cell: _curve(found, column) for cell, found in histories.items()}, column, lost


def _histories(
    results: Results, cells: Sequence[str]
) -> tuple[dict[str, list[dict[str, np.ndarray]]], int]:
    """Cell -> the histories of its ok points; how many are missing or cannot be read."""
    histories: dict[str, list[dict[str, np.ndarray]]] = {cell: [] for cell in cells}
    points = results.points[
        (results.points["status"] == OK) & results.points["cell"].isin(list(cells))
    ]
    lost = 0
    for point, cell in zip(points["id"], points["cell"], strict=True):
        try:
            history = results.load_history(point)
        except RecordError as error:
            _log.warning("%s", error)
            history = None
        if history is None:
            lost += 1
        else:
            histories[cell].append(history)
    return histories, lost


def _columns(histories: Iterable[dict[str, np.ndarray]]) -> list[str]:
    """What the histories hold, in their order."""
    return list(dict.fromkeys(name for history in histories for name in history if name != "epoch"))


def _curve(histories: Iterable[dict[str, np.ndarray]], column: str) -> tuple[np.ndarray, Summary]:
    """Epochs [E], and the summary of a column over the histories at each."""
    found = [history for history in histories if column in history and "epoch" in history]
    epochs = np.concatenate([np.zeros(0), *(history["epoch"] for history in found)])
    values = np.concatenate([np.zeros(0), *(history[column] for history in found)])
    steps, place = np.unique(epochs, return_inverse=True)
    return steps, summarize(np.where(np.isfinite(values), values, np.nan), place, len(steps))


@register_item(FIGURES, "training_history")
def training_history(results: Results) -> Figures:
    """Training and validation by epoch, of each model's best cell on each dataset (the report's Figure 13)."""
    settings = name_settings("training_history", split_by_dataset(results, results.models))
    return [(name, _training(results, one)) for name, one in settings]


def _training(results: Results, of: Setting) -> Figure:
    shown, metric = (
        select_best_and_others(results, of.model, of.cells, count=1),
        results.get_main_metric(of.model),
    )
    histories, lost = _histories(results, [one.cell for one in shown])
    (found,) = histories.values() if shown else ([],)
    names = _both(_columns(found), metric)
    curves = {split: [_curve(found, f"{split}/{name}") for name in names] for split in SPLITS}
    caption = seeds_caption(
        n for of_split in curves.values() for _, curve in of_split for n in curve.n
    )
    caption += f" {shown[0].name}. {describe_choice(results, of.model, of.cells)}" if shown else ""
    alone = [f"{SPLITS[a]}/{name}" for a, b in ((0, 1), (1, 0)) for place, name in enumerate(names)
             if not len(curves[SPLITS[a]][place][0]) and len(curves[SPLITS[b]][place][0])]  # fmt: skip
    caption += f" Not measured by epoch: {', '.join(alone)}." if alone else ""
    caption += f" {lost} histories are missing or cannot be read." if lost else ""
    figure, drawn = panels((3.2 * len(names) + 1.4, 3.2), names, f"{of.title}: training", caption)
    for place, (axes, name) in enumerate(zip(drawn, names, strict=True)):
        for style, split in enumerate(SPLITS):
            if len(curves[split][place][0]):
                band(axes, *curves[split][place], split, style)
        axes.set(xlabel="epoch", ylabel=name + unit(results, name))
        axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    legend(figure, drawn)
    return figure


def _both(columns: Sequence[str], metric: str | None) -> list[str]:
    """What to draw: the loss, or losses, that both splits have, and the main metric."""
    names = {
        split: [name.partition("/")[2] for name in columns if name.startswith(f"{split}/")]
        for split in SPLITS
    }
    both = [name for name in names["train"] if name in names["validation"]]
    first = ["loss"] if "loss" in both else both[:2] or names["train"][:1]
    main = [metric] if metric in names["train"] + names["validation"] and metric is not None else []
    return (
        list(dict.fromkeys([*first, *main]))
        or [*names["validation"], *names["train"], metric or "no metric"][:1]
    )
