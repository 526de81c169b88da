"""The tables of a paper: which rows and columns of a sweep's tables stand in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gensweep.core.registries import TABLES
from gensweep.core.roles import Role
from gensweep.report.item_functions import make_tables_of
from gensweep.report.measurement import Measurement, measure
from gensweep.report.paper_kit.captions import (
    RANKING,
    describe_table,
    is_ranking,
)
from gensweep.report.paper_kit.columns import PaperColumn, make_columns
from gensweep.report.paper_kit.labels import Labels
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.paper_kit.stems import make_kit_stems
from gensweep.report.paper_kit.tabular import (
    USES,
    WIDTHS_PT,
    Layout,
    find_layout,
    write_tabular,
)
from gensweep.report.tables import COUNTS, Table
from gensweep.report.tables.choice import apply_choice
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.layout import SEEDS_COLUMN, arrange_columns
from gensweep.report.tables.notes import has_lost_points

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_ROWS = 40
"""Most rows of any other table: about a page of a column."""
MAX_LINES = 6.0
"""A table with longer texts has both columns."""


@dataclass(frozen=True)
class KitTable:
    """A table of a paper, or a part of it that fits.

    Attributes:
        name: stem of its files.
        lines: the LaTeX of the tabular.
        caption: plain text.
        is_wide: whether it needs both columns.
    """

    name: str
    lines: Sequence[str]
    caption: str
    is_wide: bool


@dataclass(frozen=True)
class Selection:
    """The rows and columns of a table that a paper shows.

    Attributes:
        columns: those that differ between rows, and metrics.
        fixed: settings that are the same in every row, in words.
        rows: number of rows shown.
        hidden: number of rows with numbers that are left out.
        empty: number of rows without any number, which are left out.
        seeds: number of seeds of every row; 0: it differs, and there is a column for it.
        values: the measurements that are shown.
    """

    columns: Sequence[Column]
    fixed: Sequence[str]
    rows: int
    hidden: int
    empty: int
    seeds: int
    values: Sequence[Measurement]


def make_kit_tables(
    results: Results, labels: Labels, options: KitOptions
) -> Iterator[KitTable | str]:
    """Yield the tables of a sweep, or a sentence on a table that has nothing to show."""
    names = options.tables or (RANKING, *results.sweep.tables)
    entries: list[tuple[Table, str, TableData]] = []
    for name in dict.fromkeys(names):
        if name not in TABLES:
            # Of a user's file that is not here.
            yield f"{results.sweep.name}: the table {name} is not known"
            continue
        choice = results.sweep.table_choices.get(name)
        for table in make_tables_of(TABLES[name], results):
            chosen = apply_choice(table, choice)
            for heading, data in chosen.parts.items():
                entries.append((chosen, heading, data))
    identities = [
        (results.sweep.name, table.name, heading)
        for table, heading, _ in entries
    ]
    stems = make_kit_stems(identities)
    for stem, (table, heading, data) in zip(stems, entries, strict=True):
        selection = select(table, data, results, options)
        if not selection.rows:
            yield f"{stem}: nothing to show yet"
            continue
        caption = describe_table(table, heading, selection, results, labels)
        yield from _fit(stem, selection, caption, labels, options)


def select(
    table: Table, data: TableData, results: Results, options: KitOptions
) -> Selection:
    """Return the rows and columns of a table that a paper shows."""
    data = _select_metrics(table, data, results, options)
    measured = _list_measured_rows(data)
    empty = len(data) - len(measured)
    limit = options.rows if is_ranking(table) else MAX_ROWS
    data = data.select(measured[:limit])
    hidden = len(measured) - len(data)
    if not len(data):
        return Selection((), (), 0, hidden, empty, 0, ())
    columns, fixed, seeds = _arrange(data)
    if is_ranking(table):
        columns = [_drop_interval(column, results) for column in columns]
    values = [
        value
        for column in columns
        for value in column.values
        if isinstance(value, Measurement)
    ]
    return Selection(columns, fixed, len(data), hidden, empty, seeds, values)


def _drop_interval(column: Column, results: Results) -> Column:
    """Return a validation metric with means only: they rank, and tests are about the test set."""
    if column.name not in results.validation:
        return column
    values = [
        measure(value.mean, math.nan, math.nan, value.n, value.seeds)
        if isinstance(value, Measurement)
        else value
        for value in column.values
    ]
    return replace(column, values=values)


def _list_measured_rows(data: TableData) -> list[int]:
    """Return the numbers of the rows with a measurement; all rows of a table without metrics."""
    metrics = data.metrics
    if not metrics:
        return list(range(len(data)))
    rows = []
    for row in range(len(data)):
        values = [column.values[row] for column in metrics]
        if any(isinstance(value, Measurement) for value in values):
            rows.append(row)
    return rows


def _select_metrics(
    table: Table, data: TableData, results: Results, options: KitOptions
) -> TableData:
    """Return the table with few metrics: the chosen ones, else those of its compact form."""
    names = list(options.metrics or table.metrics)
    chosen = [name for name in names if name in data]
    if not chosen:
        chosen = _list_compact_metrics(data, results)
    # A ranking is in order, and other tables have published numbers.
    ranks = is_ranking(table)
    dropped = []
    for column in data.columns:
        is_other = column.is_about_metric and column.group not in chosen
        is_difference = column.kind in (Kind.DIFFERENCE, Kind.DEVIATION)
        is_paper = column.kind == Kind.PAPER
        is_other_paper = is_paper and (ranks or not column.group)
        is_rank = ranks and column.name == "rank"
        if is_other or is_difference or is_other_paper or is_rank:
            dropped.append(column.name)
    selected = data.drop([*dropped, "seconds"])
    if not options.metrics:
        return selected
    others = [one for one in selected.columns if not one.is_about_metric]
    for name in chosen:
        others += [
            one
            for one in selected.columns
            if one.is_about_metric and one.group == name
        ]
    return TableData(tuple(others))


def _list_compact_metrics(data: TableData, results: Results) -> list[str]:
    """Return validation metrics, the main ones of the models, and those that go with them."""
    shown = [
        one.name for one in data.metrics if one.name in results.validation
    ]
    if "cell" not in data:
        return [one.group for one in data.columns if one.is_about_metric]
    cells = data.get("cell").values
    of_cells = {cell.id: cell.model for cell in results.sweep.cells}
    for model in dict.fromkeys(of_cells[cell] for cell in cells):
        measured_cells = [cell for cell in cells if of_cells[cell] == model]
        main = results.find_measured_metric(model, measured_cells)
        if main:
            shown.append(main)
        shown += results.list_metrics_with(Role.COMPACT, model=model)
    return shown


def _arrange(data: TableData) -> tuple[list[Column], list[str], int]:
    """Return the columns, what is the same in every row, and the seeds of each row."""
    arranged = arrange_columns(data)
    seeds = 0
    if COUNTS[0] in data:
        counts = set(data.get(COUNTS[0]).values)
        if len(counts) == 1 and not has_lost_points(data):
            seeds = counts.pop()
    columns, fixed = [], []
    for column in arranged:
        if column.name == SEEDS_COLUMN:
            if not seeds:
                texts = [f"{one.ok}/{one.total}" for one in column.values]
                columns.append(replace(column, values=texts, header="n"))
            continue
        is_setting = column.kind == Kind.PARAMETER or column.name == "model"
        if is_setting and len(set(column.texts)) == 1 and len(data) > 1:
            fixed.append(f"{column.label} {column.texts[0]}")
        else:
            columns.append(column)
    return columns, fixed, seeds


def _fit(
    stem: str,
    selection: Selection,
    caption: str,
    labels: Labels,
    options: KitOptions,
) -> Iterator[KitTable]:
    """Yield a table as one that fits: in one column, in two, or in parts that have two."""
    columns = list(make_columns(selection.columns, labels))
    for count in range(options.columns, 3):
        layout = find_layout(columns, WIDTHS_PT[count], options.font)
        is_tall = layout is not None and layout.lines > MAX_LINES
        if layout is not None and (count == 2 or not is_tall):
            yield _write(stem, columns, layout, caption, count == 2)
            return
    parts = split_columns(columns, options.font)
    for number, (part, layout) in enumerate(parts, 1):
        name = stem if number == 1 else f"{stem}-{number}"
        text = f"{caption} Part {number} of {len(parts)}."
        yield _write(name, part, layout, text, True)


def _write(
    name: str,
    columns: Sequence[PaperColumn],
    layout: Layout,
    caption: str,
    is_wide: bool,
) -> KitTable:
    lines = [USES, *write_tabular(columns, layout)]
    return KitTable(name, lines, caption, is_wide)


def split_columns(
    columns: Sequence[PaperColumn], typeface: str
) -> list[tuple[list[PaperColumn], Layout]]:
    """Return parts that fit two columns; each begins with the first columns, which name rows.

    A first column that fits in no part at all is broken into lines by its layout.
    """
    keys = []
    for column in columns:
        if column.group or column.parts > 1:
            break
        keys.append(column)
    keys = keys[:3]
    parts: list[tuple[list[PaperColumn], Layout]] = []
    current, fitting = list(keys), None
    for column in columns[len(keys) :]:
        layout = find_layout([*current, column], WIDTHS_PT[2], typeface)
        if layout is None and fitting is not None:
            parts.append((current, fitting))
            current = list(keys)
            layout = find_layout([*current, column], WIDTHS_PT[2], typeface)
        if layout is not None:
            current, fitting = [*current, column], layout
    if fitting is not None:
        parts.append((current, fitting))
    return parts
