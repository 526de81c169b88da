"""The report's numbers for the cells of a table, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.paper import PaperTable, list_paper_tables
from gensweep.system.naming import Names, format_value

if TYPE_CHECKING:
    from gensweep.report.results import Results


def choose_paper_tables(results: Results, model: str) -> list[PaperTable]:
    """The report's tables for a list of cells of any kind: Table 1 goes first only where training sizes vary."""
    sizes_vary = "train_fraction" in results.varying_of[model]
    return list_paper_tables(model, (1, 2, 3, 4) if sizes_vary else (2, 3, 4, 1))


def describe_sources(
    results: Results, cells: Sequence[str], published: Sequence[PaperTable]
) -> list[str]:
    """Where the report's numbers for these cells come from, or why there are none."""
    found = _sources(results, cells, published)
    sources = [table for table in published if table in found]
    if sources:
        numbers = " and ".join(f"Table {table.number}" for table in sources)
        notes = dict.fromkeys(table.note for table in sources if table.note)
        return [f"report: its {numbers}, one run a number, without an interval.", *notes]
    return [_left_out([results.params[cell] for cell in cells], table) for table in published[:1]]


def list_unmatched_rows(
    results: Results, cells: Sequence[str], published: Sequence[PaperTable], axes: Sequence[str]
) -> list[str]:
    """The rows of the report's tables, by these axes, that a table of these cells does not have."""
    found = _sources(results, cells, published)
    notes = []
    for table in (table for table in published if table in found and table.axes == tuple(axes)):
        here = {table.place(results.params[cell]) for cell in cells}
        absent = [place for place in next(iter(table.numbers.values())) if place not in here]
        if absent:
            rows = "; ".join(" and ".join(map(format_value, place)) for place in absent)
            what = " and ".join(table.axes)
            notes.append(
                f"The report's Table {table.number} also has {what} {rows}, which this sweep does not."
            )
    return notes


def _left_out(params: Sequence[dict[str, Any]], table: PaperTable) -> str:
    deviations = [table.deviations(values) for values in params]
    shared = [key for key in deviations[0] if all(key in found for found in deviations)]
    if not shared:
        return f"The report's Table {table.number} has no cell of this model and setting."
    known = [key for key in shared if key in table.setting] or shared
    names = Names(
        {key: [value for found in deviations for value in found[key]] for key in known}, {}
    )
    ours = {
        key: " or ".join(dict.fromkeys(names.get_text(key, found[key][0]) for found in deviations))
        for key in known
    }
    why = [f"{key} {ours[key]}, not {names.get_text(key, deviations[0][key][1])}" for key in known]
    return f"The report's Table {table.number} was made at another setting and is left out: {'; '.join(why)}."


def build_paper_columns(
    results: Results, cells: Sequence[str], published: Sequence[PaperTable]
) -> dict[str, np.ndarray]:
    """The report's number for each cell [cells], NaN where it has none, of each metric that has any."""
    sources = _sources(results, cells, published)
    columns = {}
    for metric in dict.fromkeys(name for table in published for name in table.numbers):
        pairs = zip(sources, cells, strict=True)
        values = [
            table.value(results.params[cell], metric) if table else None for table, cell in pairs
        ]
        if any(value is not None for value in values):
            columns[metric] = np.array(values, float)
    return columns


def _sources(
    results: Results, cells: Sequence[str], published: Sequence[PaperTable]
) -> list[PaperTable | None]:
    """The report's table for each cell: the first with a number for it, and no other: each is a run of its own."""
    places, all_cells = index_cells(results), results.sweep.cells
    models = [all_cells[places[cell]].model for cell in cells]
    return [
        next(
            (
                table
                for table in published
                if table.model == model and table.has(results.params[cell])
            ),
            None,
        )
        for cell, model in zip(cells, models, strict=True)
    ]


@lru_cache(maxsize=1)
def index_cells(results: Results) -> dict[str, int]:
    """Cell id -> its place among the sweep's cells; of the last results asked for it is kept."""
    return {cell.id: place for place, cell in enumerate(results.sweep.cells)}
