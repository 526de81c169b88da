"""The metrics and labels that a sweep chose for a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gensweep.ledger.manifest import TableInfo
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData

if TYPE_CHECKING:
    from gensweep.report.results import Results

SECONDS = "seconds"


def apply_choice(table: Table, choice: TableInfo | None) -> Table:
    """Return a table with the chosen metrics, in their order, and the chosen labels.

    A metric that is chosen and that no part of the table has is named in its notes.

    Args:
        table: as its function returned it.
        choice: of sweep.json; None: the table's own metrics and labels.
    """
    metrics = tuple(choice.metrics) if choice else table.metrics
    labels = dict(choice.labels) if choice else dict(table.labels)
    if not metrics and not labels:
        return table
    data = choose_columns(table.data, metrics, labels)
    sections = None
    if table.sections is not None:
        sections = {
            labels.get(heading, heading): choose_columns(
                part, metrics, labels
            )
            for heading, part in table.sections.items()
        }
    # A table without any metric has none that could be missing.
    absent = [name for name in metrics if name not in table.data]
    notes = table.notes
    if absent and table.data.metrics:
        notes += (f"Chosen, but not in this table: {', '.join(absent)}.",)
    return replace(
        table,
        data=data,
        sections=sections,
        notes=notes,
        metrics=metrics,
        labels=labels,
        full_data=table.data,
    )


def choose_columns(
    data: TableData, metrics: Sequence[str], labels: Mapping[str, str]
) -> TableData:
    """Return the columns of the chosen metrics, in their order, and all that are about no metric.

    Args:
        data: a table, or a section of it.
        metrics: names; empty: all.
        labels: name -> the text to show instead.
    """
    columns = list(data.columns)
    if metrics and data.metrics:
        others = [one for one in columns if not _is_of_metric(one)]
        chosen: list[Column] = []
        for name in metrics:
            chosen += [
                one
                for one in columns
                if one.is_about_metric and one.group == name
            ]
        columns = [*others, *chosen]
    return TableData(tuple(_label(column, labels) for column in columns))


def _is_of_metric(column: Column) -> bool:
    """Return whether a choice of metrics decides on the column."""
    return (
        column.is_about_metric
        or column.kind == Kind.PAPER
        or column.name == SECONDS
    )


def _label(column: Column, labels: Mapping[str, str]) -> Column:
    if column.name == "model":
        column = replace(column, write=partial(_get_label, labels))
    for name in (column.name, column.label):
        if name in labels:
            return replace(column, header=labels[name])
    return column


def _get_label(labels: Mapping[str, str], name: str) -> str:
    return labels.get(name, name)


def get_choice_of_cells(results: Results) -> TableInfo:
    """Return what the terminal shows of every cell: as the table `cells`, else the leaderboard."""
    choices = results.sweep.table_choices
    return choices.get("cells") or choices.get("leaderboard") or TableInfo()
