"""Training beside validation, by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import describe_seeds, format_unit
from gensweep.report.figures.data import Axis, FigureData, Mark, Panel, Plot
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
    select_best_and_others,
)
from gensweep.report.figures.settings import split_by_dataset
from gensweep.report.figures.style import MAX_SEEDS_SHOWN
from gensweep.report.settings import Setting, name_settings

if TYPE_CHECKING:
    from gensweep.report.figures.histories import SeedHistories
    from gensweep.report.results import Results

SPLITS = ("train", "validation")


@register_figure("training_history")
def make_training_history(results: Results) -> list[FigureData]:
    """Show training and validation by epoch: each dataset's best cell (the paper's Figure 13)."""
    settings = name_settings(
        "training_history", split_by_dataset(results, results.models)
    )
    return [_show_training(results, name, one) for name, one in settings]


def _show_training(
    results: Results, stem: str, setting: Setting
) -> FigureData:
    cells = select_best_and_others(results, setting, count=1)
    histories_of, lost = load_histories(results, [one.cell for one in cells])
    histories: SeedHistories = {}
    for of_cell in histories_of.values():
        histories |= of_cell
    metric = results.get_main_metric(setting.model)
    names = _choose_columns(list_columns(histories.values()), metric)
    curves = {
        split: [
            summarize_column(
                histories, f"{split}/{name}", get_range(results, name)
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
    if 1 < len(histories) <= MAX_SEEDS_SHOWN:
        caption += " Thin lines are single seeds."
    unpaired = _list_unpaired(curves, names)
    if unpaired:
        caption += f" Not measured by epoch: {', '.join(unpaired)}."
    caption += describe_lost(lost)
    panels = _build_panels(results, curves, names)
    plot = Plot(panels, (3.2 * len(names) + 1.4, 2.9))
    return FigureData(
        stem, f"{setting.title}: training", caption, plot, setting.model
    )


def _build_panels(
    results: Results,
    curves: Mapping[str, Sequence[Curve]],
    names: Sequence[str],
) -> list[Panel]:
    """Return a panel per column: its training and its validation values by epoch."""
    panels = []
    for index, name in enumerate(names):
        series = []
        for style, split in enumerate(SPLITS):
            curve = curves[split][index]
            if not curve.is_empty:
                series.append(curve.to_series(split, Mark.BAND, style))
                series += curve.list_seed_lines(split, style)
        label = name + format_unit(results, name)
        y = Axis(label, bounds=get_range(results, name))
        panels.append(Panel(series, EPOCH_AXIS, y, name))
    return panels


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
