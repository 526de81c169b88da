"""The searches of a sweep on the page: how trials were selected, and what confirms them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.report.measurement import Measurement
from gensweep.report.record_metrics import VALIDATION
from gensweep.report.stats.search_cost import list_steps
from gensweep.report.tables.search import describe_search
from gensweep.report.tables.text_cells import NOTHING, format_measurement

if TYPE_CHECKING:
    from gensweep.ledger.search_log import ConfirmedInfo, SearchInfo
    from gensweep.report.page.figures import Picture
    from gensweep.report.results import Results

FIGURES_OF_SEARCHES = ("tuning_curve", "search_slices", "search_importance")


@dataclass(frozen=True)
class ConfirmedView:
    """A trial that was trained again with fresh seeds.

    Attributes:
        number: the trial's.
        setting: its values, as in ``lr=0.01``.
        selected: its validation value in the search.
        result: mean and interval of the test set over the fresh seeds, with their number.
    """

    number: int
    setting: str
    selected: str
    result: str


@dataclass(frozen=True)
class SearchView:
    """A search on the page.

    Attributes:
        name: its name.
        model: its model.
        metric: the validation metric that selected.
        result_metric: the same on the test set, with its unit.
        sentences: how trials were selected, what is missing, and what it cost.
        confirmed: the trials whose numbers are results, the best on validation first.
    """

    name: str
    model: str
    metric: str
    result_metric: str
    sentences: list[str]
    confirmed: list[ConfirmedView]


def list_searches(results: Results) -> list[SearchView]:
    """Return each search of the sweep, in the order of its file."""
    return [
        _describe(results, name, search)
        for name, search in results.searches.items()
    ]


def split_figures(
    figures: Sequence[Picture],
) -> tuple[list[Picture], list[Picture]]:
    """Return the figures of searches, and all others."""
    of_searches, others = [], []
    for one in figures:
        is_of_search = one.name.startswith(FIGURES_OF_SEARCHES)
        (of_searches if is_of_search else others).append(one)
    return of_searches, others


def _describe(results: Results, name: str, search: SearchInfo) -> SearchView:
    metric = search.metric.removeprefix(VALIDATION)
    unit = results.metrics[metric].unit if metric in results.metrics else ""
    sentences = describe_search(search)
    steps = list_steps(search)
    if steps:
        sentences.append(
            f"Its trials took {steps[-1].cost:,} epochs, those of all seeds and levels."
        )
    return SearchView(
        name=name,
        model=search.model,
        metric=search.metric,
        result_metric=f"{metric} [{unit}]" if unit else metric,
        sentences=sentences,
        confirmed=[
            _describe_confirmed(results, search, one, metric)
            for one in search.confirmed
        ],
    )


def _describe_confirmed(
    results: Results, search: SearchInfo, one: ConfirmedInfo, metric: str
) -> ConfirmedView:
    trial = search.trials[one.number]
    texts = [
        f"{key}={results.names.get_text(key, value)}"
        for key, value in trial.params.items()
    ]
    value = trial.levels[-1].value
    selected = NOTHING if value is None else f"{value:#.4g}"
    result = "not measured yet"
    if one.cell in results.params and metric in results.metrics:
        measured = results.measure(one.cell, metric)
        if isinstance(measured, Measurement):
            result = f"{format_measurement(measured)} (n = {measured.n})"
    return ConfirmedView(one.number, ", ".join(texts), selected, result)
