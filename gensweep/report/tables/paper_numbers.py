"""The paper's numbers for the cells of a table, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.paper import DEFAULT_ORDER, PaperTable, list_paper_tables
from gensweep.system.naming import Names, format_value

if TYPE_CHECKING:
    from gensweep.report.results import Results


def choose_paper_tables(results: Results, model: str) -> list[PaperTable]:
    """Return the paper's tables for any list of cells of a model, the preferred ones first.

    Table 1 goes first only if training set sizes vary.
    """
    if "train_fraction" in results.varying_of[model]:
        return list_paper_tables(model, (1, 2, 3, 4))
    return list_paper_tables(model, DEFAULT_ORDER)


def describe_sources(
    results: Results, cells: Sequence[str], paper_tables: Sequence[PaperTable]
) -> list[str]:
    """Return sentences on where the paper's numbers for these cells come from.

    If there are none, say why.
    """
    sources_of_cells = _find_sources(results, cells, paper_tables)
    sources = [table for table in paper_tables if table in sources_of_cells]
    if sources:
        numbers = " and ".join(f"Table {table.number}" for table in sources)
        notes = dict.fromkeys(table.note for table in sources if table.note)
        return [
            f"paper: numbers of its {numbers}, each from one run and without an interval.",
            *notes,
        ]
    params = [results.params[cell] for cell in cells]
    return [_explain_exclusion(params, table) for table in paper_tables[:1]]


def list_unmatched_rows(
    results: Results,
    cells: Sequence[str],
    paper_tables: Sequence[PaperTable],
    axes: Sequence[str],
) -> list[str]:
    """Return sentences on the rows of the paper's tables that a table of these cells lacks.

    Args:
        results: the sweep's results.
        cells: ids of the table's cells.
        paper_tables: the paper's tables to look in.
        axes: the table's axes; paper tables with other axes are passed over.
    """
    sources = _find_sources(results, cells, paper_tables)
    notes = []
    for table in paper_tables:
        if table not in sources or table.axes != tuple(axes):
            continue
        present = {table.get_row_key(results.params[cell]) for cell in cells}
        all_keys = next(iter(table.numbers.values()))
        absent = [key for key in all_keys if key not in present]
        if absent:
            rows = "; ".join(
                " and ".join(map(format_value, key)) for key in absent
            )
            names = " and ".join(table.axes)
            notes.append(
                f"The paper's Table {table.number} also has {names} {rows}, "
                "which this sweep does not have."
            )
    return notes


def _explain_exclusion(
    params: Sequence[dict[str, Any]], table: PaperTable
) -> str:
    """Return why a table of the paper has no number for any of these cells.

    Args:
        params: the parameters of each cell.
        table: the paper's table.
    """
    deviations = [table.find_deviations(values) for values in params]
    shared = [
        key
        for key in deviations[0]
        if all(key in cell for cell in deviations)
    ]
    if not shared:
        return f"The paper's Table {table.number} has no cell of this model and setting."
    # A parameter that the paper's setting does not name is mentioned only if no other deviates.
    keys = [key for key in shared if key in table.setting] or shared
    names = Names(
        {
            key: [value for cell in deviations for value in cell[key]]
            for key in keys
        },
        {},
    )
    reasons = []
    for key in keys:
        # Each value of ours once, in the order of the cells.
        values = dict.fromkeys(
            names.get_text(key, cell[key][0]) for cell in deviations
        )
        papers_value = names.get_text(key, deviations[0][key][1])
        reasons.append(f"{key} {' or '.join(values)}, not {papers_value}")
    return (
        f"The paper's Table {table.number} was made at another setting and is left out: "
        f"{'; '.join(reasons)}."
    )


def build_paper_columns(
    results: Results, cells: Sequence[str], paper_tables: Sequence[PaperTable]
) -> dict[str, np.ndarray]:
    """Return the paper's number for each cell, by metric.

    Returns:
        Metric -> numbers [cells], NaN where the paper has none. Metrics without any number are
        left out.
    """
    sources = _find_sources(results, cells, paper_tables)
    metrics = dict.fromkeys(
        name for table in paper_tables for name in table.numbers
    )
    columns = {}
    for metric in metrics:
        values: list[float | None] = []
        for table, cell in zip(sources, cells, strict=True):
            value = None
            if table:
                value = table.get_value(results.params[cell], metric)
            values.append(value)
        if any(value is not None for value in values):
            columns[metric] = np.array(values, float)
    return columns


def _find_sources(
    results: Results, cells: Sequence[str], paper_tables: Sequence[PaperTable]
) -> list[PaperTable | None]:
    """Return for each cell the first of the paper's tables that has a number for it.

    No other table is used for the cell, since each table is a run of its own.
    """
    index, all_cells = results.index_of, results.sweep.cells
    sources: list[PaperTable | None] = []
    for cell in cells:
        model, params = all_cells[index[cell]].model, results.params[cell]
        tables = (
            table
            for table in paper_tables
            if table.model == model and table.has_values(params)
        )
        sources.append(next(tables, None))
    return sources
