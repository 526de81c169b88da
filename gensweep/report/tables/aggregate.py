"""Many cells in one number: the interquartile mean by each value of each swept parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.registries import register_table
from gensweep.report.stats.aggregates import (
    MIN_RUNS,
    Aggregate,
    aggregate,
    compute_improvement,
)
from gensweep.report.stats.subject import Subject
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.importance import list_subjects

if TYPE_CHECKING:
    from gensweep.report.results import Results

NOTES = (
    "IQM: interquartile mean of the main metric over all runs with the value, over cells and "
    f"seeds. Its 95% interval is a stratified bootstrap's over seeds, from {MIN_RUNS} runs on; it "
    "says nothing about other cells or datasets.",
    "better than the best: how often a run with this value is better than the run with the best "
    "value (by IQM) of the same seed and all else equal; a tie counts as half. The interval is "
    "Wilson's over pairs, and too narrow where pairs of one seed resemble each other.",
)


@register_table("aggregate")
def make_aggregate(results: Results) -> list[Table]:
    """Aggregate runs by each value of each swept parameter: IQM, and probability of improvement."""
    rows = [
        row
        for subject in list_subjects(results)
        for row in _iter_rows(subject)
    ]
    names = (
        "model", "metric", "parameter", "value", "runs", "IQM", "low", "high",
        "better than the best", "its low", "its high", "pairs",
    )  # fmt: skip
    columns = []
    for index, name in enumerate(names):
        values = [row[index] for row in rows]
        kind, form = Kind.NUMBER, ".4g"
        if name in ("model", "metric", "parameter", "value"):
            kind, form = Kind.TEXT, ""
        elif name in ("runs", "pairs"):
            kind, form = Kind.COUNT, ""
        columns.append(Column(name, values, kind, form=form))
    title = f"{results.sweep.name}: many cells in one number"
    return [Table("aggregate", title, TableData(tuple(columns)), NOTES)]


def _iter_rows(subject: Subject) -> Iterator[list[Any]]:
    """Yield the rows of a model on a dataset: one per value of each parameter."""
    for axis in subject.list_axes():
        values = subject.list_values(axis)
        runs = subject.runs.list_runs_along(
            subject.model, subject.dataset, subject.metric, (axis,)
        )
        by_value = [_group_runs(runs, value) for value in values]
        totals = [
            aggregate([np.array(list(c.values())) for c in cells.values()])
            for cells in by_value
        ]
        best = _find_best(totals, subject.sign)
        for value, cells, total in zip(values, by_value, totals, strict=True):
            better: list[Any] = [None, None, None, None]
            if best is not None and cells is not by_value[best]:
                pairs = _pair(cells, by_value[best])
                share = compute_improvement(*pairs, subject.sign)
                better = [share.value, share.low, share.high, share.runs]
            text = subject.get_text(axis, value)
            interval = [total.value, total.low, total.high]
            yield [
                subject.name,
                subject.metric,
                axis,
                text,
                total.runs,
                *interval,
                *better,
            ]


def _group_runs(runs: list[Any], value: Any) -> dict[Any, dict[int, float]]:
    """Return setting -> seed -> value of the runs at one level."""
    cells: dict[Any, dict[int, float]] = {}
    for seed, setting, (level,), number in runs:
        if repr(level) == repr(value):
            cells.setdefault(setting, {})[seed] = number
    return cells


def _find_best(totals: list[Aggregate], sign: int) -> int | None:
    """Return the index of the best interquartile mean; None if neither end is better."""
    measured = [index for index, total in enumerate(totals) if total.runs]
    if not sign or not measured:
        return None
    return max(measured, key=lambda index: sign * totals[index].value)


def _pair(
    cells: dict[Any, dict[int, float]], others: dict[Any, dict[int, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the runs that both sides have, at the same setting and seed."""
    first, second = [], []
    for setting, by_seed in cells.items():
        for seed, value in by_seed.items():
            if seed in others.get(setting, {}):
                first.append(value)
                second.append(others[setting][seed])
    return np.array(first), np.array(second)
