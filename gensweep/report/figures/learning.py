"""Metrics by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import describe_seeds, format_unit
from gensweep.report.figures.data import (
    Axis,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.histories import (
    EPOCH_AXIS,
    Curve,
    describe_lost,
    get_range,
    list_columns,
    load_histories,
    summarize_column,
)
from gensweep.report.figures.selection import (
    describe_choice,
    rank_cells,
)
from gensweep.report.figures.settings import split_by_dataset
from gensweep.report.figures.style import MAX_SERIES
from gensweep.report.settings import Setting, name_settings

if TYPE_CHECKING:
    from gensweep.report.results import Results

    History = dict[str, np.ndarray]

MAX_BACKGROUND_CURVES = 40
"""Most other cells that are drawn in grey behind the learning curves."""
MAX_BANDS = 2
"""Most learning curves with a band: more of them lie on one another."""
MAX_SEED_LINES = 15
"""Most thin lines of single seeds in one figure."""


@register_figure("learning_curves")
def make_learning_curves(results: Results) -> list[FigureData]:
    """Show the main metric by epoch, a line per cell; of many cells best, median and worst."""
    settings = name_settings(
        "learning_curves", split_by_dataset(results, results.models)
    )
    return [_show_learning(results, name, one) for name, one in settings]


def _show_learning(
    results: Results, stem: str, setting: Setting
) -> FigureData:
    model = setting.model
    ids = rank_cells(results, model, setting.cells)
    names = setting.varying
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
        caption += f" {describe_choice(results, model, setting.cells)}"
    unfinished = len(setting.cells) - len(ids)
    if unfinished:
        caption += f" {unfinished} cells have nothing to show yet."
    caption += describe_lost(lost)
    drawn = [curves[ids[rank]] for rank in chosen]
    has_bands = len(drawn) <= MAX_BANDS
    has_seeds = 0 < _count_seed_lines(drawn) <= MAX_SEED_LINES
    if not has_bands:
        caption += f" Lines are means; intervals are drawn for {MAX_BANDS} cells at most."
    if has_seeds:
        caption += " Thin lines are single seeds."
    shown = _ShownCurves(curves, ids, chosen, rest, has_bands, has_seeds)
    series = _build_series(results, names, shown)
    metric = column.rpartition("/")[2]
    y = Axis(
        column.replace("/", " ") + format_unit(results, metric),
        bounds=get_range(results, column),
    )
    plot = Plot([Panel(series, EPOCH_AXIS, y)], legend_title=", ".join(names))
    title = f"{setting.title}: learning curves"
    return FigureData(stem, title, caption, plot, model)


@dataclass(frozen=True)
class _ShownCurves:
    """The curves of a figure, and how they are drawn.

    Attributes:
        curves: cell -> its curve.
        ids: the cells, the best first.
        coloured: ranks of the cells in colour.
        grey: ranks of the cells in grey.
        has_bands: whether the curves in colour have their intervals.
        has_seeds: whether they have a thin line per seed.
    """

    curves: Mapping[str, Curve]
    ids: Sequence[str]
    coloured: Sequence[int]
    grey: Sequence[int]
    has_bands: bool
    has_seeds: bool


def _build_series(
    results: Results, names: Sequence[str], shown: _ShownCurves
) -> list[Series]:
    """Return the lines of a figure: grey ones first, so that those in colour lie above them.

    Args:
        results: the sweep's.
        names: the parameters whose values tell the cells apart.
        shown: the curves.
    """
    is_cut = len(shown.ids) > MAX_SERIES
    series = []
    for rank in shown.grey:
        cell = shown.ids[rank]
        label = f"#{rank + 1}: {_format_values(results, cell, names)}"
        series.append(shown.curves[cell].to_series(label, Mark.BACKGROUND))
    for style, rank in enumerate(shown.coloured):
        cell = shown.ids[rank]
        label = _format_values(results, cell, names)
        if is_cut:
            label = f"#{rank + 1}: {label}"
        curve = shown.curves[cell]
        mean = curve.to_series(label, Mark.BAND, style)
        if not shown.has_bands:
            mean = replace(mean, low=(), high=())
        if shown.has_seeds:
            series += curve.list_seed_lines(label, style)
        series.append(mean)
    return series


def _count_seed_lines(curves: Iterable[Curve]) -> int:
    """Return the number of thin lines that all seeds of some cells would be."""
    return sum(len(curve.list_seed_lines("")) for curve in curves)


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


def _load_curves(
    results: Results, cells: Sequence[str], metric: str | None
) -> tuple[dict[str, Curve], str, int]:
    """Return cell -> its curve, the column that they show, and how many histories are lost."""
    histories_of, lost = load_histories(results, cells)
    present = list_columns(
        one for of_cell in histories_of.values() for one in of_cell.values()
    )
    preferred = [f"validation/{metric}", "validation/loss", "train/loss"]
    candidates = [name for name in (*preferred, *present) if name in present]
    column = candidates[0] if candidates else preferred[0]
    bounds = get_range(results, column)
    curves = {
        cell: summarize_column(histories, column, bounds)
        for cell, histories in histories_of.items()
    }
    return curves, column, lost
