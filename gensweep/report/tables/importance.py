"""The share of the variance that each swept parameter has, and each pair of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_table
from gensweep.report.stats.importance import REST, Share
from gensweep.report.stats.runs import Runs
from gensweep.report.stats.subject import Subject
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData

if TYPE_CHECKING:
    from gensweep.report.results import Results

NOTES = (
    "share: of the variance of the main metric between the cells of one seed, mean over seeds; "
    "computed over the largest full grid of what varies, without a model. Shares of a model and "
    "dataset add up to 1.",
    "low, high: its 95% confidence interval over seeds (Student's t), within 0 and 1.",
    "Noise is part of every share, and of interactions most: compare with the tests in the table "
    "of statistics. rest: interactions of three or more parameters, and noise.",
)


def list_subjects(results: Results) -> list[Subject]:
    """Return each model and dataset whose cells differ in something, with its main metric."""
    runs = Runs(results)
    subjects = []
    for model in results.models:
        metric = results.get_main_metric(model)
        if metric is None:
            continue
        for dataset in runs.datasets[model]:
            subject = Subject(runs, model, dataset, metric)
            if subject.list_axes():
                subjects.append(subject)
    return subjects


def describe_share(share: Share) -> str:
    """Return the name of a share: its parameter, or its parameters with a cross between them."""
    return "rest" if share.axes == REST else " × ".join(share.axes)


@register_table("importance")
def make_importance(results: Results) -> list[Table]:
    """Decompose the variance of the main metric by swept parameter and pair of parameters."""
    rows: list[list[Any]] = []
    notes = list(NOTES)
    for subject in list_subjects(results):
        decomposition = subject.decomposition
        if decomposition is None:
            reason = "no full grid of two parameters is measured, or its cells do not differ"
            notes.append(f"{subject.name} is left out: {reason}.")
            continue
        grid = decomposition.grid
        for share in sorted(decomposition.shares, key=lambda one: -one.mean):
            ends = (share.low, share.high)
            name = describe_share(share)
            rows.append(
                [
                    subject.name,
                    subject.metric,
                    name,
                    share.mean,
                    *ends,
                    len(grid.seeds),
                ]
            )
        if grid.left_out:
            notes.append(
                f"{subject.name}: {grid.left_out} points are not part of the full grid."
            )
    names = ("model", "metric", "parameter", "share", "low", "high", "seeds")
    columns = []
    for index, name in enumerate(names):
        values = [row[index] for row in rows]
        if name in ("share", "low", "high"):
            numbers = [
                None if math.isnan(value) else value for value in values
            ]
            columns.append(Column(name, numbers, Kind.NUMBER, form=".3f"))
        else:
            columns.append(
                Column(
                    name, values, Kind.COUNT if name == "seeds" else Kind.TEXT
                )
            )
    title = f"{results.sweep.name}: which parameters matter"
    return [
        Table("importance", title, TableData(tuple(columns)), tuple(notes))
    ]
