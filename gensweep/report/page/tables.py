"""Tables on the page: cut if they are long, with the command behind every row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gensweep.ledger.status import Status
from gensweep.report.measurement import Measurement, is_contender
from gensweep.report.page.commands import Commands
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.notes import list_remarks
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.tables import Table

MAX_ROWS_PER_TABLE = 500
MAX_ROWS_PER_SWEEP = 5000
"""Most rows of all of a sweep's tables together."""
MAX_OPEN_TABLES = 12
"""Further tables are shown after a click."""
CELLS = "cells"
STATISTICS = "statistics"
SHOWN_AS_TEXT = (STATISTICS, "cells-problems")
"""Tables that other sections of the page put into words."""


@dataclass(frozen=True)
class Header:
    """The head of a column.

    Attributes:
        text: its name.
        unit: in brackets, or empty.
        numeric: whether its cells are numbers.
        falls: whether larger numbers are better, so that they are sorted first.
    """

    text: str
    unit: str
    numeric: bool
    falls: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: (text, number to sort by or "", whether it is in bold) each.
        command: reproduces the row's numbers; empty if the row is not a cell of the sweep.
        points: (seed, id) of the cell's points with a record.
        is_empty: whether the row has metrics, and none is measured.
    """

    cells: list[tuple[str, str, bool]]
    command: str
    points: Sequence[tuple[int, str]] = ()
    is_empty: bool = False


@dataclass(frozen=True)
class TableView:
    """A table of the page.

    Attributes:
        file: stem of the files that hold all of it.
        caption: above the table.
        headers: one a column.
        rows: as many as the page can hold.
        notes: below the table.
        cut: number of rows that are left out here, in words; empty if none are.
        open: whether it is shown without a click.
        has_cells: whether any row is of one cell, with points and a command.
        empty_rows: number of rows without any number.
    """

    file: str
    caption: str
    headers: list[Header]
    rows: list[Row]
    notes: Sequence[str] = ()
    cut: str = ""
    open: bool = True
    has_cells: bool = False
    empty_rows: int = 0


def build_views(
    tables: Sequence[Table], results: Results, commands: Commands
) -> list[TableView]:
    """Return the tables of the page, those that the sweep names before those of every sweep."""
    views: list[TableView] = []
    shown = [table for table in tables if table.name not in SHOWN_AS_TEXT]
    # The sort is stable: the sweep's own tables come first, then leaderboards, then all cells.
    ordered = sorted(
        shown,
        key=lambda t: (t.name == CELLS, t.name.startswith("leaderboard")),
    )
    for table in ordered:
        for caption, data, notes in _iter_parts(table):
            rows_left = MAX_ROWS_PER_SWEEP - sum(
                len(view.rows) for view in views
            )
            # The table of all cells repeats the numbers of the others.
            is_open = len(views) < MAX_OPEN_TABLES and table.name != CELLS
            all_notes = [*notes, *list_remarks(data, results)]
            view = TableView(
                table.name, caption, [], [], all_notes, open=is_open
            )
            view = _fill(view, data, results, commands, max(0, rows_left))
            if view.empty_rows == len(view.rows) > 0:
                view = replace(view, open=False)
            views.append(view)
    return views


def _iter_parts(
    table: Table,
) -> Iterator[tuple[str, TableData, Sequence[str]]]:
    """Yield title, data and notes of the table, or of each of its sections.

    The notes stand with the last section.
    """
    if not table.sections:
        yield table.title, table.data, table.notes
        return
    parts = list(table.sections.items())
    for number, (heading, data) in enumerate(parts, 1):
        title = table.title
        if heading:
            title = f"{title}: {heading}"
        is_last = number == len(parts)
        yield title, data, table.notes if is_last else ()


def _fill(
    view: TableView,
    data: TableData,
    results: Results,
    commands: Commands,
    rows_left: int,
) -> TableView:
    """Return the view with headers and rows, no more than the page can hold."""
    head = data.head(min(MAX_ROWS_PER_TABLE, rows_left))
    columns: list[Column] = []
    rows: list[Row] = []
    if len(head):
        columns = arrange_columns(head, split_counts=True)
    if columns:
        rows = list(_iter_rows(head, columns, results, commands))
    hidden = len(data) - len(rows)
    cut = ""
    if hidden and rows:
        cut = f"{pluralize(hidden, 'more row')} in"
    elif hidden:
        cut = f"{pluralize(hidden, 'row')}, all of them in"
    elif not rows:
        cut = "Nothing to show."
    return replace(
        view,
        headers=[_make_header(column) for column in columns],
        rows=rows,
        cut=cut,
        has_cells=any(row.command or row.points for row in rows),
        empty_rows=sum(row.is_empty for row in rows),
    )


def _make_header(column: Column) -> Header:
    falls = column.kind == Kind.METRIC and column.direction == "max"
    return Header(column.label, column.shown_unit, column.is_numeric, falls)


def _iter_rows(
    data: TableData,
    columns: Sequence[Column],
    results: Results,
    commands: Commands,
) -> Iterator[Row]:
    keys = [
        [_make_sort_key(value) for value in column.values]
        for column in columns
    ]
    metrics = data.metrics
    points_of = _list_points(results)
    cells, models = [""] * len(data), [""] * len(data)
    if "cell" in data and "model" in data:
        cells, models = (
            list(data.get("cell").values),
            list(data.get("model").values),
        )
    for index, (cell, model) in enumerate(zip(cells, models, strict=True)):
        texts = [column.texts[index] for column in columns]
        numbers = [column_keys[index] for column_keys in keys]
        command = ""
        if cell in results.params:
            command = commands.build_cell_command(cell, model)
        bold = [is_contender(column.values[index]) for column in columns]
        values = [column.values[index] for column in metrics]
        is_empty = bool(values) and not any(
            isinstance(one, Measurement) for one in values
        )
        points = points_of.get(cell, [])
        yield Row(
            list(zip(texts, numbers, bold, strict=True)),
            command,
            points,
            is_empty,
        )


@lru_cache(maxsize=1)
def _list_points(results: Results) -> dict[str, list[tuple[int, str]]]:
    """Return cell -> seed and id of its points with a record; all tables of a page ask for it."""
    points_of: dict[str, list[tuple[int, str]]] = {}
    columns = (
        results.points[name].tolist()
        for name in ("cell", "seed", "id", "status")
    )
    for cell, seed, point, status in zip(*columns, strict=True):
        if status != Status.MISSING:
            points_of.setdefault(cell, []).append((int(seed), point))
    return points_of


def _make_sort_key(value: Any) -> str:
    """Return the number to sort a value by; empty if its text will do.

    Two means may be printed with different digits, so their texts do not sort well.
    """
    if isinstance(value, Measurement):
        return f"{value.mean:.9g}"
    if isinstance(value, float) and not math.isnan(value):
        return f"{value:.9g}"
    return ""
