"""Metrics by epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.core.registries import register_figure
from gensweep.ledger.status import Status
from gensweep.report.figures.captions import describe_seeds, format_unit
from gensweep.report.figures.data import (
    Axis,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.selection import (
    describe_choice,
    rank_cells,
    select_best_and_others,
)
from gensweep.report.figures.settings import (
    Setting,
    name_models,
    name_settings,
    split_by_dataset,
)
from gensweep.report.figures.style import MAX_SERIES
from gensweep.report.measurement import UNBOUNDED
from gensweep.report.summary import Summary, summarize

if TYPE_CHECKING:
    from gensweep.report.measurement import Range
    from gensweep.report.results import Results

    History = dict[str, np.ndarray]

SPLITS = ("train", "validation")
EPOCH_AXIS = Axis("epoch", is_whole=True)
MAX_BACKGROUND_CURVES = 40
"""Most other cells that are drawn in grey behind the learning curves."""
MAX_BANDS = 2
"""Most learning curves with a band: more of them lie on one another."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curve:
    """A column of histories by epoch.

    Attributes:
        epochs: sorted [epochs].
        summary: mean and interval over the histories, at each epoch.
    """

    epochs: np.ndarray
    summary: Summary

    @property
    def is_empty(self) -> bool:
        """True if no history has the column."""
        return not len(self.epochs)

    def to_series(self, label: str, mark: Mark, style: int = 0) -> Series:
        """Return the means with their intervals, as a figure shows them."""
        one = self.summary
        return Series(
            label, self.epochs, one.mean, one.low, one.high, one.n, mark, style
        )


@register_figure("learning_curves")
def make_learning_curves(results: Results) -> list[FigureData]:
    """Show the main metric by epoch, a line per cell; of many cells best, median and worst."""
    stems = name_models("learning_curves", results.models)
    return [_show_learning(results, name, model) for name, model in stems]


def _show_learning(results: Results, stem: str, model: str) -> FigureData:
    ids = rank_cells(results, model)
    names = results.varying_of[model]
    is_cut = len(ids) > MAX_SERIES
    chosen, rest = _choose_ranks(len(ids), is_cut)
    cells = [ids[rank] for rank in (*chosen, *rest)]
    curves, column, lost = _load_curves(
        results, cells, results.get_main_metric(model)
    )
    caption = describe_seeds(
        n for curve in curves.values() for n in curve.summary.n
    )
    if is_cut:
        caption += f" #1 is the first of {len(ids)} cells; {len(rest)} others are grey."
        caption += f" {describe_choice(results, model)}"
    unfinished = len(results.list_cells(model)) - len(ids)
    if unfinished:
        caption += f" {unfinished} cells have nothing to show yet."
    caption += _describe_lost(lost)
    has_bands = len(chosen) <= MAX_BANDS
    if not has_bands:
        caption += f" Lines are means; intervals are drawn for {MAX_BANDS} cells at most."
    series = []
    for rank in rest:
        label = _format_values(results, ids[rank], names)
        series.append(
            curves[ids[rank]].to_series(
                f"#{rank + 1}: {label}", Mark.BACKGROUND
            )
        )
    for style, rank in enumerate(chosen):
        label = _format_values(results, ids[rank], names)
        if is_cut:
            label = f"#{rank + 1}: {label}"
        one = curves[ids[rank]].to_series(label, Mark.BAND, style)
        if not has_bands:
            one = replace(one, low=(), high=())
        series.append(one)
    metric = column.rpartition("/")[2]
    y = Axis(column.replace("/", " ") + format_unit(results, metric))
    plot = Plot([Panel(series, EPOCH_AXIS, y)], legend_title=", ".join(names))
    return FigureData(stem, f"{model}: learning curves", caption, plot, model)


def _choose_ranks(count: int, is_cut: bool) -> tuple[list[int], list[int]]:
    """Return the ranks of the cells in colour, and of those in grey.

    Of many cells, the three best, the median and the worst are in colour, and as many others are
    in grey as fit, evenly spread.
    """
    if not is_cut:
        return list(range(count)), []
    chosen = [0, 1, 2, count // 2, count - 1]
    rest = [rank for rank in range(count) if rank not in chosen]
    step = math.ceil(len(rest) / MAX_BACKGROUND_CURVES)
    return chosen, rest[::step]


def _format_values(results: Results, cell: str, names: Sequence[str]) -> str:
    """Return a cell's values of the varying parameters, separated by commas."""
    params = results.params[cell]
    texts = []
    for name in names:
        if name in params:
            texts.append(results.names.get_text(name, params[name]))
        else:
            texts.append("–")
    return ", ".join(texts) or "all seeds"


def _describe_lost(count: int) -> str:
    if not count:
        return ""
    return f" {count} histories are missing or cannot be read."


def _load_curves(
    results: Results, cells: Sequence[str], metric: str | None
) -> tuple[dict[str, Curve], str, int]:
    """Return cell -> its curve, the column that they show, and how many histories are lost."""
    histories_of, lost = _load_histories(results, cells)
    present = _list_columns(
        one for histories in histories_of.values() for one in histories
    )
    preferred = [f"validation/{metric}", "validation/loss", "train/loss"]
    candidates = [name for name in (*preferred, *present) if name in present]
    column = candidates[0] if candidates else preferred[0]
    bounds = _get_range(results, column)
    curves = {
        cell: _summarize_column(histories, column, bounds)
        for cell, histories in histories_of.items()
    }
    return curves, column, lost


def _load_histories(
    results: Results, cells: Sequence[str]
) -> tuple[dict[str, list[History]], int]:
    """Return cell -> the histories of its ok points, and how many are missing or damaged."""
    histories_of: dict[str, list[History]] = {cell: [] for cell in cells}
    is_shown = (results.points["status"] == Status.OK) & results.points[
        "cell"
    ].isin(list(cells))
    points = results.points[is_shown]
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
            histories_of[cell].append(history)
    return histories_of, lost


def _list_columns(histories: Iterable[History]) -> list[str]:
    """Return the columns that any history has, in their order."""
    names = dict.fromkeys(name for history in histories for name in history)
    return [name for name in names if name != "epoch"]


def _get_range(results: Results, column: str) -> Range:
    """Return the range of the metric that a column of histories has."""
    info = results.metrics.get(column.rpartition("/")[2])
    return UNBOUNDED if info is None else info.range


def _summarize_column(
    histories: Iterable[History], column: str, bounds: Range
) -> Curve:
    """Return the curve of a column over the histories that have it."""
    usable = [
        history
        for history in histories
        if column in history and "epoch" in history
    ]
    # An empty array comes first: `concatenate` refuses an empty list.
    epochs = np.concatenate(
        [np.zeros(0), *(history["epoch"] for history in usable)]
    )
    values = np.concatenate(
        [np.zeros(0), *(history[column] for history in usable)]
    )
    steps, step_index = np.unique(epochs, return_inverse=True)
    finite = np.where(np.isfinite(values), values, np.nan)
    return Curve(steps, summarize(finite, step_index, len(steps), bounds))


@register_figure("training_history")
def make_training_history(results: Results) -> list[FigureData]:
    """Show training and validation by epoch: each dataset's best cell (the paper's Figure 13)."""
    settings = name_settings(
        "training_history", split_by_dataset(results, results.models)
    )
    return [_show_training(results, name, one) for name, one in settings]


def _show_training(results: Results, stem: str, setting: Setting) -> FigureData:
    cells = select_best_and_others(
        results, setting.model, setting.cells, count=1
    )
    histories_of, lost = _load_histories(results, [one.cell for one in cells])
    histories = [one for of_cell in histories_of.values() for one in of_cell]
    metric = results.get_main_metric(setting.model)
    names = _choose_columns(_list_columns(histories), metric)
    curves = {
        split: [
            _summarize_column(
                histories, f"{split}/{name}", _get_range(results, name)
            )
            for name in names
        ]
        for split in SPLITS
    }
    caption = describe_seeds(
        n
        for of_split in curves.values()
        for curve in of_split
        for n in curve.summary.n
    )
    if cells:
        choice = describe_choice(results, setting.model, setting.cells)
        caption += f" {cells[0].name}. {choice}"
    unpaired = _list_unpaired(curves, names)
    if unpaired:
        caption += f" Not measured by epoch: {', '.join(unpaired)}."
    caption += _describe_lost(lost)
    panels = []
    for index, name in enumerate(names):
        series = []
        for style, split in enumerate(SPLITS):
            curve = curves[split][index]
            if not curve.is_empty:
                series.append(curve.to_series(split, Mark.BAND, style))
        panels.append(
            Panel(
                series,
                EPOCH_AXIS,
                Axis(name + format_unit(results, name)),
                name,
            )
        )
    plot = Plot(panels, (3.2 * len(names) + 1.4, 2.9))
    return FigureData(
        stem, f"{setting.title}: training", caption, plot, setting.model
    )


def _list_unpaired(
    curves: dict[str, list[Curve]], names: Sequence[str]
) -> list[str]:
    """Return the columns that one split lacks and the other has, as in ``train/mse``."""
    train, validation = SPLITS
    unpaired = []
    for split, other in ((train, validation), (validation, train)):
        for index, name in enumerate(names):
            if (
                curves[split][index].is_empty
                and not curves[other][index].is_empty
            ):
                unpaired.append(f"{split}/{name}")
    return unpaired


def _choose_columns(columns: Sequence[str], metric: str | None) -> list[str]:
    """Return what to draw: the loss, or losses, that both splits have, and the main metric."""
    train, validation = (
        [
            name.partition("/")[2]
            for name in columns
            if name.startswith(f"{split}/")
        ]
        for split in SPLITS
    )
    in_both = [name for name in train if name in validation]
    chosen = ["loss"]
    if "loss" not in in_both:
        chosen = in_both[:2] or train[:1]
    if metric is not None and metric in train + validation:
        chosen.append(metric)
    if chosen:
        return list(dict.fromkeys(chosen))
    # Nothing to compare: one panel, which is empty if no history has any column.
    return [*validation, *train, metric or "no metric"][:1]
