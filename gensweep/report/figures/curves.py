"""The main metric along one axis of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensweep.core.registries import FIGURES, register_item
from gensweep.report.figures.style import (
    REPORT,
    SERIES,
    canvas,
    drawn_settings,
    label,
    legend,
    line,
    method,
)
from gensweep.report.paper import list_paper_tables
from gensweep.report.tables.groups import Group, select_grids
from gensweep.system.naming import file_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]


@register_item(FIGURES, "train_fraction_curve")
def train_fraction_curve(results: Results) -> Figures:
    """The main metric by training set size, a line a setting, with the report's Table 1 where it applies."""
    figures = []
    kept, _ = select_grids(results, ("train_fraction",))
    for model in results.models:
        settings = [group for group in kept if group.model == model]
        parts = [settings[first : first + SERIES] for first in range(0, len(settings), SERIES)]
        for number, part in enumerate(parts, 1):
            which = str(number) if len(parts) > 1 else ""
            figures.append(
                (("train_fraction_curve", model, which), _by_fraction(results, model, part))
            )
    names = file_names(identity for identity, _ in figures)
    return [(name, figure) for name, (_, figure) in zip(names, figures, strict=True)]


def _by_fraction(results: Results, model: str, settings: list[Group]) -> Figure:
    metric = results.get_main_metric(model)
    cells = [cell for group in settings for cell in group.cells]
    tables = [
        t
        for t in list_paper_tables(model, (1,))
        if any(t.has(results.params[cell]) for cell in cells)
    ]
    caption = method(results, cells, metric)
    caption += " Report: its Table 1, one run a number, without an interval." if tables else ""
    figure, axes = canvas((6.4, 3.6), model, caption)
    for style, group in enumerate(settings):
        line(axes, results, group.cells, "train_fraction", metric, group.label or "gensweep", style)
    for table in tables:
        numbers = sorted(
            (key[0], value) for key, value in table.numbers.get(metric or "", {}).items()
        )
        axes.plot(
            *zip(*numbers, strict=True), color="black", linestyle=":", marker="x", label=REPORT
        )
    axes.set(xlabel="training set [share of all but the test set]", ylabel=label(results, metric))
    legend(figure, axes)
    return figure


@register_item(FIGURES, "budget_curve")
def budget_curve(results: Results) -> Figures:
    """The main metric by epochs, a line a batch size, a figure for each model and setting."""
    settings = drawn_settings(results, "budget_curve", ("epochs", "batch_size"))
    return [(name, _by_epochs(results, group)) for name, group in settings]


def _by_epochs(results: Results, group: Group) -> Figure:
    metric = results.get_main_metric(group.model)
    figure, axes = canvas((6.4, 3.6), group.title, method(results, group.cells, metric))
    for style, size in enumerate(
        sorted({results.params[cell]["batch_size"] for cell in group.cells})
    ):
        cells = [cell for cell in group.cells if results.params[cell]["batch_size"] == size]
        line(axes, results, cells, "epochs", metric, str(size), style)
    epochs = sorted({results.params[cell]["epochs"] for cell in group.cells})
    if epochs[-1] >= 8 * epochs[0]:
        axes.set_xscale("log")
    axes.set_xticks(epochs, [str(value) for value in epochs])
    axes.minorticks_off()
    axes.set(xlabel="epochs", ylabel=label(results, metric))
    legend(figure, axes, "batch_size")
    return figure
