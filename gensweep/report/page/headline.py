"""The headline: one number per model, of its best cell, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.report.figures.selection import (
    ShownCell,
    select_best_and_others,
)
from gensweep.report.measurement import Measurement
from gensweep.report.record_metrics import VALIDATION
from gensweep.report.references import list_published
from gensweep.report.remarks import has_values
from gensweep.report.stats.marks import (
    MAX_CELLS_COMPARED,
    find_contending_cells,
)
from gensweep.report.stats.prediction import compare_with_published
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
    """The number that stands for a model.

    Attributes:
        model: its name.
        value: mean and interval of the test set, as text.
        metric: name of the number, with its unit in brackets.
        setting: the cell's values of what the sweep varies; empty if it has one cell.
        basis: how the cell was chosen, and from how many seeds its value is.
        comparisons: sentences that compare it with published numbers and other cells.
    """

    model: str
    value: str
    metric: str
    setting: str
    basis: str
    comparisons: list[str]


def list_headlines(results: Results) -> list[Headline]:
    """Return a headline for each model with a value, in the order of the sweep."""
    published = list_published(results)
    headlines = [
        _make_headline(results, model, published) for model in results.models
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
    results: Results, model: str, published: Sequence[Published]
) -> Headline | None:
    cells = select_best_and_others(results, model, count=1)
    if not cells:
        return None
    best = cells[0]
    metric = _choose_metric(results, model, best.cell)
    if metric is None:
        return None
    value = results.measure(best.cell, metric)
    if not isinstance(value, Measurement):
        return None
    unit = results.metrics[metric].unit
    comparisons = [
        *_compare_with_paper(results, best.cell, metric, value, published),
        *_compare_with_others(results, model, best.cell, metric),
    ]
    return Headline(
        model=model,
        value=format_measurement(value),
        metric=f"test {metric} [{unit}]" if unit else f"test {metric}",
        setting=best.label,
        basis=_describe_basis(results, model, best, value),
        comparisons=comparisons,
    )


def _choose_metric(results: Results, model: str, cell: str) -> str | None:
    """Return the objective's twin on the test set, or else a main metric with a value."""
    objective = results.objectives[model] or ""
    twin = objective.removeprefix(VALIDATION)
    if twin in results.metrics and isinstance(
        results.measure(cell, twin), Measurement
    ):
        return twin
    return results.find_measured_metric(model, [cell])


def _describe_basis(
    results: Results, model: str, best: ShownCell, value: Measurement
) -> str:
    interval = "one seed, so no interval"
    if value.has_interval:
        interval = f"mean and 95% interval of {value.n} seeds"
    count = int(
        (results.cells.loc[results.cells["model"] == model, "n_ok"] > 0).sum()
    )
    if count == 1:
        return f"The only cell with a result; {interval}."
    if not has_values(results, model):
        return f"The first of {count} cells: none has a validation value; {interval}."
    objective = results.objectives[model]
    return f"The best of {count} cells by {objective}; {interval}."


def _compare_with_paper(
    results: Results,
    cell: str,
    metric: str,
    value: Measurement,
    published: Sequence[Published],
) -> list[str]:
    """Return sentences on numbers published for this cell, or else on the best one published."""
    model = results.sweep.cells[results.index_of[cell]].model
    numbers = [one for one in published if one.metric == metric]
    of_cell = [one for one in numbers if one.cell == cell]
    sentences = []
    for one in of_cell:
        text = f"Published for this cell: {one.value:.4g} ({one.source})"
        if value.has_interval:
            bounds = results.metrics[metric].range
            prediction = compare_with_published(
                value.mean,
                value.std,
                value.n,
                one.value,
                one.n,
                one.sd,
                bounds,
            )
            if prediction is not None:
                text += f", {prediction.verdict} with these seeds"
        sentences.append(f"{text}.")
    direction = results.metrics[metric].direction
    if sentences or direction == "none":
        return sentences
    cells = set(results.list_cells(model))
    of_model = [one for one in numbers if one.cell in cells]
    if not of_model:
        return []
    choose = min if direction == "min" else max
    best = choose(of_model, key=lambda one: one.value)
    ours = results.measure(best.cell, metric)
    text = f"The best published number is {best.value:.4g}"
    setting = _describe_setting(results, best.cell)
    if setting:
        text += f" at {setting}"
    text += f" ({best.source})"
    if isinstance(ours, Measurement):
        text += f", where this sweep has {format_measurement(ours)}"
    return [f"{text}."]


def _describe_setting(results: Results, cell: str) -> str:
    """Return the cell's values of what the sweep varies."""
    params = results.params[cell]
    model = results.sweep.cells[results.index_of[cell]].model
    names = [name for name in results.varying_of[model] if name in params]
    return ", ".join(
        f"{name}={results.names.get_text(name, params[name])}"
        for name in names
    )


def _compare_with_others(
    results: Results, model: str, cell: str, metric: str
) -> list[str]:
    """Return sentences on the range of all cells, and on those as good as this one."""
    values = {}
    for other in results.list_cells(model):
        value = results.measure(other, metric)
        if isinstance(value, Measurement):
            values[other] = value
    if len(values) < 2:
        return []
    means = [value.mean for value in values.values()]
    sentences = [
        f"{len(values)} cells have means from {min(means):.4g} to {max(means):.4g}."
    ]
    contenders = find_contending_cells(results, metric, tuple(values))
    others = len(contenders - {cell})
    if contenders and cell in contenders:
        sentence = "Every other cell can be told from the best one."
        if others:
            cells = pluralize(others, "other cell")
            sentence = f"{cells} cannot be told from the best one."
        sentences.append(sentence)
    elif not contenders and _is_compared(results, metric, len(values)):
        sentences.append(
            "These seeds cannot tell any of them from the best one."
        )
    return sentences


def _is_compared(results: Results, metric: str, count: int) -> bool:
    """Return whether so many cells are compared with the best one at all."""
    return (
        results.metrics[metric].direction != "none"
        and count <= MAX_CELLS_COMPARED
    )
