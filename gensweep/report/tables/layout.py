"""The columns of a table as every format prints them: which, in which order, still as values."""

from __future__ import annotations

from collections.abc import Sequence

from gensweep.ledger.status import STATUSES, Status
from gensweep.report.measurement import Measurement, Seeds
from gensweep.report.tables import COUNTS
from gensweep.report.tables.columns import Column, Kind, TableData

SEEDS_COLUMN = "seeds ok"
"""Name of the column that says how many points of a cell are ok, of how many."""
STD_FORM = "#.2g"


def arrange_columns(
    data: TableData, std: bool = False, split_counts: bool = False
) -> list[Column]:
    """Return the columns that a reader sees.

    Ids of cells are left out, and so is the model if there is one: the title names it.

    Args:
        data: a table, or a section of it.
        std: add a column for the standard deviation over seeds to each metric.
        split_counts: give the counts one column for each status that any cell has, not all in one
            column.
    """
    columns: list[Column] = []
    for column in data.columns:
        if column.name == COUNTS[0]:
            columns += _arrange_counts(data, split_counts)
        elif column.name == "model":
            if len(set(column.values)) > 1:
                columns.append(column)
        elif column.kind != Kind.ID and column.name not in COUNTS:
            columns.append(column)
            if std and column.kind == Kind.METRIC:
                columns.append(_get_deviations(column))
    return columns


def _get_deviations(column: Column) -> Column:
    values = [
        one.std if isinstance(one, Measurement) else None
        for one in column.values
    ]
    name = f"{column.name}_std"
    return Column(
        name,
        values,
        Kind.DEVIATION,
        header="std",
        group=column.group,
        form=STD_FORM,
    )


def _arrange_counts(data: TableData, split_counts: bool) -> list[Column]:
    counts = [data.get(name).values for name in COUNTS]
    seeds = []
    for row in zip(*counts, strict=True):
        others = () if split_counts else _list_others(row)
        seeds.append(Seeds(row[0], sum(row), others))
    columns = [Column(SEEDS_COLUMN, seeds, Kind.COUNT)]
    if split_counts:
        for name, values in zip(COUNTS[1:], counts[1:], strict=True):
            if any(values):
                columns.append(
                    Column(name.removeprefix("n_"), values, Kind.COUNT)
                )
    return columns


def _list_others(counts: Sequence[int]) -> tuple[tuple[str, int], ...]:
    """Return status and count of the points that are not ok; counts are in the order of COUNTS."""
    statuses = (*STATUSES, Status.MISSING)
    pairs = zip(statuses[1:], counts[1:], strict=True)
    return tuple((status, count) for status, count in pairs if count)
