"""The headline: one number per model and dataset, of its best cell, with comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.report.figures.selection import select_best_and_others
from gensweep.report.measurement import Measurement
from gensweep.report.page.headline_comparisons import (
    compare_with_others,
    compare_with_paper,
    describe_contenders,
    measure_cells,
)
from gensweep.report.record_metrics import VALIDATION
from gensweep.report.references import list_published
from gensweep.report.remarks import explain_no_choice, has_values
from gensweep.report.settings import (
    Setting,
    describe_cell,
    list_settings,
)
from gensweep.report.tables.text_cells import format_measurement
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.page.figures import Picture
    from gensweep.report.references import Published
    from gensweep.report.results import Results

MAX_MAIN_FIGURES = 3
"""Most figures beside the headlines: one per model."""
PICTURE_FIGURES = (
    "dataset_samples",
    "generated_answers",
    "interpolation",
    "samples_by_epoch",
)
"""Figures without numbers, which do not stand for a sweep."""


@dataclass(frozen=True)
class Headline:
    """The number that stands for a model on a dataset.

    Attributes:
        title: the model, and the dataset if it has several.
        value: mean and interval of the test set, as text; of cells that nothing ranks, the
            smallest and the largest mean.
        metric: name of the number, with its unit in brackets.
        setting: the cell's values of what the sweep varies; empty if it has one cell.
        basis: how the cell was chosen, and from how many seeds its value is.
        comparisons: sentences that compare it with published numbers and other cells.
    """

    title: str
    value: str
    metric: str
    setting: str
    basis: str
    comparisons: list[str]


def list_headlines(results: Results) -> list[Headline]:
    """Return a headline for each model and dataset with a value, in the order of the sweep."""
    published = list_published(results)
    headlines = [
        _make_headline(results, setting, published)
        for setting in list_settings(results)
    ]
    return [headline for headline in headlines if headline is not None]


def select_main_figures(
    results: Results, figures: Sequence[Picture]
) -> list[Picture]:
    """Return the figures of the first kind with numbers that the sweep names; one per model."""
    kinds = [
        name for name in results.sweep.figures if name not in PICTURE_FIGURES
    ]
    for kind in [*kinds, *results.sweep.figures]:
        chosen = [
            one
            for one in figures
            if one.name == kind or one.name.startswith(f"{kind}-")
        ]
        if chosen:
            return chosen[:MAX_MAIN_FIGURES]
    return list(figures[:1])


def _make_headline(
    results: Results, setting: Setting, published: Sequence[Published]
) -> Headline | None:
    model = setting.model
    cells = select_best_and_others(results, setting, count=1)
    if not cells:
        return None
    best = cells[0]
    metric = _choose_metric(results, model, best.cell)
    if metric is None:
        return None
    value = results.measure(best.cell, metric)
    if not isinstance(value, Measurement):
        return None
    values = measure_cells(results, setting.cells, metric)
    if len(values) > 1 and not has_values(results, model, setting.cells):
        return _summarize_unranked(results, setting, metric, values)
    comparisons = [
        *compare_with_paper(
            results, setting, best.cell, metric, value, published
        ),
        *compare_with_others(results, values, best.cell, metric),
    ]
    return Headline(
        title=setting.title,
        value=format_measurement(value),
        metric=_name_metric(results, metric),
        setting=best.label,
        basis=_describe_basis(results, setting, value),
        comparisons=comparisons,
    )


def _summarize_unranked(
    results: Results,
    setting: Setting,
    metric: str,
    values: Mapping[str, Measurement],
) -> Headline:
    """Return the headline of cells without validation values: their range, and why none is chosen.

    Args:
        results: the sweep's.
        setting: the cells are of it.
        metric: of the test set.
        values: its value of two cells or more.
    """
    means = {cell: value.mean for cell, value in values.items()}
    lowest, highest = min(means.values()), max(means.values())
    counts = {value.n for value in values.values()}
    seeds = pluralize(counts.pop(), "seed")
    if counts:
        seeds = "the seeds that are ok"
    varying = ", ".join(setting.varying)
    reason = explain_no_choice(results, setting.model)
    return Headline(
        title=setting.title,
        value=f"{lowest:.4g} to {highest:.4g}",
        metric=_name_metric(results, metric),
        setting=f"means of {len(values)} cells, by {varying}",
        basis=f"Each mean is of {seeds}. {reason}",
        comparisons=_describe_best_tested(results, setting, metric, values),
    )


def _describe_best_tested(
    results: Results,
    setting: Setting,
    metric: str,
    values: Mapping[str, Measurement],
) -> list[str]:
    """Return sentences on the cell that is the best on the test set; none without a better end."""
    direction = results.metrics[metric].direction
    if direction == "none":
        return []
    choose = min if direction == "min" else max
    best = choose(values, key=lambda cell: values[cell].mean)
    superlative = "smallest" if direction == "min" else "largest"
    number = format_measurement(values[best])
    cell = describe_cell(results, best, setting.varying)
    return [
        f"The {superlative} is {number}, at {cell}; the test set itself chooses it, so a new "
        "test may be worse.",
        *describe_contenders(results, values, best, metric),
    ]


def _name_metric(results: Results, metric: str) -> str:
    unit = results.metrics[metric].unit
    return f"test {metric} [{unit}]" if unit else f"test {metric}"


def _choose_metric(results: Results, model: str, cell: str) -> str | None:
    """Return the objective's twin on the test set, or else a main metric with a value.

    A model whose metrics all have no better end has no main metric: then it is the first measured.
    """
    objective = results.objectives[model] or ""
    twin = objective.removeprefix(VALIDATION)
    if twin in results.metrics and isinstance(
        results.measure(cell, twin), Measurement
    ):
        return twin
    main = results.find_measured_metric(model, [cell])
    if main is not None:
        return main
    return next(
        (
            name
            for name in results.list_metrics(model)
            if isinstance(results.measure(cell, name), Measurement)
        ),
        None,
    )


def _describe_basis(
    results: Results, setting: Setting, value: Measurement
) -> str:
    model = setting.model
    interval = "one seed, so no interval"
    if value.has_interval:
        interval = f"mean and 95% interval of {value.n} seeds"
    of_setting = results.cells["cell"].isin(setting.cells)
    count = int((results.cells.loc[of_setting, "n_ok"] > 0).sum())
    if count == 1:
        return f"The only cell with a result; {interval}."
    if not has_values(results, model, setting.cells):
        # Others are ok, but have no value of this metric.
        reason = explain_no_choice(results, model)
        return f"The only cell with a value of it; {interval}. {reason}"
    objective = results.objectives[model]
    return f"The best of {count} cells by {objective}; {interval}."
