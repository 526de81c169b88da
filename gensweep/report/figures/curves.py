"""The main metric along one axis of the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.core.registries import register_figure
from gensweep.ledger.status import Status
from gensweep.report.figures.captions import (
    describe_method,
    format_axis_label,
)
from gensweep.report.figures.data import (
    Axis,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.plots import PAPER_LABEL
from gensweep.report.figures.settings import select_settings
from gensweep.report.figures.style import MAX_SEEDS_SHOWN, MAX_SERIES
from gensweep.report.measurement import UNBOUNDED, Measurement
from gensweep.report.paper import PaperTable, list_paper_tables
from gensweep.report.tables.groups import Group, select_grids
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from gensweep.report.measurement import Range
    from gensweep.report.results import Results

_LOG_SCALE_RATIO = 8
"""Numbers of epochs that differ by this factor or more are drawn on a logarithmic axis."""


@register_figure("train_fraction_curve")
def make_train_fraction_curve(results: Results) -> list[FigureData]:
    """Show the main metric by training set size, a line per setting, and the paper's Table 1."""
    parts = []
    groups, _ = select_grids(results, ("train_fraction",))
    for model in results.models:
        settings = [group for group in groups if group.model == model]
        starts = range(0, len(settings), MAX_SERIES)
        chunks = [settings[start : start + MAX_SERIES] for start in starts]
        for number, chunk in enumerate(chunks, 1):
            suffix = str(number) if len(chunks) > 1 else ""
            parts.append((("train_fraction_curve", model, suffix), chunk))
    names = make_file_stems(identity for identity, _ in parts)
    return [
        _show_by_fraction(results, name, chunk)
        for name, (_, chunk) in zip(names, parts, strict=True)
    ]


def _show_by_fraction(
    results: Results, name: str, settings: list[Group]
) -> FigureData:
    model = settings[0].model
    metric = results.get_main_metric(model)
    cells = [cell for group in settings for cell in group.cells]
    tables = _list_matching_tables(results, model, cells)
    caption = describe_method(results, cells, metric)
    if tables:
        caption += " Paper: numbers of its Table 1, each from one run and without an interval."
    series = []
    for style, group in enumerate(settings):
        label = group.label or "gensweep"
        series += _make_series(
            results, group.cells, "train_fraction", metric, label, style
        )
    for table in tables:
        by_fraction = table.numbers.get(metric or "", {})
        if by_fraction:
            numbers = sorted(
                (key[0], value) for key, value in by_fraction.items()
            )
            x, y = zip(*numbers, strict=True)
            series.append(Series(PAPER_LABEL, x, y, mark=Mark.PAPER))
    panel = Panel(
        series,
        Axis("training set [share of all but the test set]"),
        Axis(
            format_axis_label(results, metric),
            bounds=_get_bounds(results, metric),
        ),
    )
    caption += _describe_dots(series)
    return FigureData(name, model, caption, Plot([panel]), model)


def _list_matching_tables(
    results: Results, model: str, cells: list[str]
) -> list[PaperTable]:
    """Return the paper's tables by training set size that apply to any of the cells."""
    tables = list_paper_tables(model, (1,))
    return [
        table
        for table in tables
        if any(table.has_values(results.params[cell]) for cell in cells)
    ]


def _make_series(
    results: Results,
    cells: Sequence[str],
    x: str,
    metric: str | None,
    label: str,
    style: int,
) -> list[Series]:
    """Return the means of cells along a parameter, and their seeds; nothing without a metric.

    Args:
        results: the sweep's.
        cells: ids, in the order of the line.
        x: the parameter that runs along the horizontal axis.
        metric: its mean runs along the vertical axis.
        label: the entry in the legend.
        style: number of the series.
    """
    if metric is None:
        return []
    rows = []
    for cell in cells:
        value = results.measure(cell, metric)
        if isinstance(value, Measurement):
            rows.append((value.mean, value.low, value.high, value.n))
        else:
            rows.append((math.nan, math.nan, math.nan, 0))
    y, low, high, n = zip(*rows, strict=True)
    positions = [results.params[cell][x] for cell in cells]
    line = Series(label, positions, y, low, high, n, Mark.ERROR_BARS, style)
    return [line, *_list_dots(results, cells, positions, metric, line)]


def _list_dots(
    results: Results,
    cells: Sequence[str],
    positions: Sequence[float],
    metric: str,
    line: Series,
) -> list[Series]:
    """Return the values of single seeds beside a line of means; none if seeds are one, or many."""
    if not 1 < max(line.n, default=0) <= MAX_SEEDS_SHOWN:
        return []
    position_of = dict(zip(cells, positions, strict=True))
    is_shown = (results.points["status"] == Status.OK) & results.points[
        "cell"
    ].isin(list(cells))
    points = results.points[is_shown].dropna(subset=[metric])
    x = [position_of[cell] for cell in points["cell"]]
    y = points[metric].to_numpy(float)
    return [Series(line.label, x, y, mark=Mark.SEED_DOTS, style=line.style)]


def _describe_dots(series: Sequence[Series]) -> str:
    """Return the sentence of a caption on dots, after a space; empty without any."""
    has_dots = any(one.mark == Mark.SEED_DOTS for one in series)
    return " Small dots are single seeds." if has_dots else ""


def _get_bounds(results: Results, metric: str | None) -> Range:
    return results.metrics[metric].range if metric else UNBOUNDED


@register_figure("budget_curve")
def make_budget_curve(results: Results) -> list[FigureData]:
    """Show the main metric by epochs, a line per batch size, a figure per model and setting."""
    settings = select_settings(
        results, "budget_curve", ("epochs", "batch_size")
    )
    return [_show_by_epochs(results, name, group) for name, group in settings]


def _show_by_epochs(results: Results, name: str, group: Group) -> FigureData:
    metric = results.get_main_metric(group.model)
    caption = describe_method(results, group.cells, metric)
    batch_size_of = {
        cell: results.params[cell]["batch_size"] for cell in group.cells
    }
    series = []
    for style, size in enumerate(sorted(set(batch_size_of.values()))):
        cells = [cell for cell in group.cells if batch_size_of[cell] == size]
        series += _make_series(
            results, cells, "epochs", metric, str(size), style
        )
    epochs = sorted({results.params[cell]["epochs"] for cell in group.cells})
    scale = "log" if epochs[-1] >= _LOG_SCALE_RATIO * epochs[0] else "linear"
    panel = Panel(
        series,
        Axis("epochs", scale, ticks=tuple(epochs)),
        Axis(
            format_axis_label(results, metric),
            bounds=_get_bounds(results, metric),
        ),
    )
    caption += _describe_dots(series)
    plot = Plot([panel], legend_title="batch_size")
    return FigureData(name, group.title, caption, plot, group.model)
