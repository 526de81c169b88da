"""The main metric along one axis of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import describe_method, format_axis_label
from gensweep.report.figures.plots import PAPER_LABEL, add_legend, draw_line
from gensweep.report.figures.style import MAX_SERIES, create_figure, select_settings
from gensweep.report.paper import PaperTable, list_paper_tables
from gensweep.report.tables.groups import Group, select_grids
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

_LOG_SCALE_RATIO = 8
"""Numbers of epochs that differ by this factor or more are drawn on a logarithmic axis."""


@register_figure("train_fraction_curve")
def draw_train_fraction_curve(results: Results) -> Figures:
    """Draw the main metric by training set size, a line per setting, and the paper's Table 1."""
    identities, figures = [], []
    groups, _ = select_grids(results, ("train_fraction",))
    for model in results.models:
        settings = [group for group in groups if group.model == model]
        starts = range(0, len(settings), MAX_SERIES)
        parts = [settings[start : start + MAX_SERIES] for start in starts]
        for number, part in enumerate(parts, 1):
            suffix = str(number) if len(parts) > 1 else ""
            identities.append(("train_fraction_curve", model, suffix))
            figures.append(_draw_by_fraction(results, model, part))
    return list(zip(make_file_stems(identities), figures, strict=True))


def _draw_by_fraction(results: Results, model: str, settings: list[Group]) -> Figure:
    metric = results.get_main_metric(model)
    cells = [cell for group in settings for cell in group.cells]
    tables = _list_matching_tables(results, model, cells)
    caption = describe_method(results, cells, metric)
    if tables:
        caption += " Paper: numbers of its Table 1, each from one run and without an interval."
    figure, axes = create_figure((6.4, 3.6), model, caption)
    for style, group in enumerate(settings):
        label = group.label or "gensweep"
        draw_line(axes, results, group.cells, "train_fraction", metric, label, style)
    for table in tables:
        by_fraction = table.numbers.get(metric or "", {})
        numbers = sorted((key[0], value) for key, value in by_fraction.items())
        # Without numbers there are no coordinates, and matplotlib then draws nothing.
        coordinates = zip(*numbers, strict=True)
        axes.plot(*coordinates, color="black", linestyle=":", marker="x", label=PAPER_LABEL)
    axes.set(
        xlabel="training set [share of all but the test set]",
        ylabel=format_axis_label(results, metric),
    )
    add_legend(figure, axes)
    return figure


def _list_matching_tables(results: Results, model: str, cells: list[str]) -> list[PaperTable]:
    """Return the paper's tables by training set size that apply to any of the cells."""
    tables = list_paper_tables(model, (1,))
    return [
        table for table in tables if any(table.has_values(results.params[cell]) for cell in cells)
    ]


@register_figure("budget_curve")
def draw_budget_curve(results: Results) -> Figures:
    """Draw the main metric by epochs, a line per batch size, a figure per model and setting."""
    settings = select_settings(results, "budget_curve", ("epochs", "batch_size"))
    return [(name, _draw_by_epochs(results, group)) for name, group in settings]


def _draw_by_epochs(results: Results, group: Group) -> Figure:
    metric = results.get_main_metric(group.model)
    caption = describe_method(results, group.cells, metric)
    figure, axes = create_figure((6.4, 3.6), group.title, caption)
    batch_size_of = {cell: results.params[cell]["batch_size"] for cell in group.cells}
    for style, size in enumerate(sorted(set(batch_size_of.values()))):
        cells = [cell for cell in group.cells if batch_size_of[cell] == size]
        draw_line(axes, results, cells, "epochs", metric, str(size), style)
    epochs = sorted({results.params[cell]["epochs"] for cell in group.cells})
    if epochs[-1] >= _LOG_SCALE_RATIO * epochs[0]:
        axes.set_xscale("log")
    axes.set_xticks(epochs, [str(value) for value in epochs])
    axes.minorticks_off()
    axes.set(xlabel="epochs", ylabel=format_axis_label(results, metric))
    add_legend(figure, axes, "batch_size")
    return figure
