"""Tables on the page: cut if they are long, with the command behind every row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gensweep.report.page.commands import Commands
from gensweep.report.tables.layout import Column, build_columns
from gensweep.report.tables.notes import list_remarks
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd

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
    """A column's name, its unit, and whether its cells are numbers."""

    text: str
    unit: str
    numeric: bool


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: (text, number to sort by or "") each.
        command: reproduces the row's numbers; empty if the row is not a cell of the sweep.
    """

    cells: list[tuple[str, str]]
    command: str


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
        commands: whether any row has a command.
    """

    file: str
    caption: str
    headers: list[Header]
    rows: list[Row]
    notes: Sequence[str] = ()
    cut: str = ""
    open: bool = True
    commands: bool = False


def build_views(tables: Sequence[Table], results: Results, commands: Commands) -> list[TableView]:
    """Return the tables of the page, those that the sweep names before those of every sweep."""
    views: list[TableView] = []
    shown = [table for table in tables if table.name not in SHOWN_AS_TEXT]
    # The sort is stable: the sweep's own tables come first, then leaderboards, then all cells.
    ordered = sorted(shown, key=lambda t: (t.name == CELLS, t.name.startswith("leaderboard")))
    for table in ordered:
        for caption, frame, notes in _iter_parts(table):
            rows_left = MAX_ROWS_PER_SWEEP - sum(len(view.rows) for view in views)
            # The table of all cells repeats the numbers of the others.
            is_open = len(views) < MAX_OPEN_TABLES and table.name != CELLS
            all_notes = [*notes, *list_remarks(frame, results)]
            view = TableView(table.name, caption, [], [], all_notes, open=is_open)
            views.append(_fill(view, frame, results, commands, max(0, rows_left)))
    return views


def _iter_parts(table: Table) -> Iterator[tuple[str, pd.DataFrame, Sequence[str]]]:
    """Yield title, frame and notes of the table, or of each of its sections.

    The notes stand with the last section.
    """
    if not table.sections:
        yield table.title, table.frame, table.notes
        return
    parts = list(table.sections.items())
    for number, (heading, frame) in enumerate(parts, 1):
        title = table.title
        if heading:
            title = f"{title}: {heading}"
        is_last = number == len(parts)
        yield title, frame, table.notes if is_last else ()


def _fill(
    view: TableView, frame: pd.DataFrame, results: Results, commands: Commands, rows_left: int
) -> TableView:
    """Return the view with headers and rows, no more than the page can hold."""
    head = frame.head(min(MAX_ROWS_PER_TABLE, rows_left))
    columns: list[Column] = []
    rows: list[Row] = []
    if len(head):
        columns = build_columns(head, results, split_counts=True)
    if columns:
        rows = list(_iter_rows(head, columns, results, commands))
    hidden = len(frame) - len(rows)
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
        commands=any(row.command for row in rows),
    )


def _make_header(column: Column) -> Header:
    text, bracket, unit = column.header.partition(" [")
    return Header(text, f"{bracket}{unit}".strip(), column.is_numeric)


def _iter_rows(
    head: pd.DataFrame, columns: Sequence[Column], results: Results, commands: Commands
) -> Iterator[Row]:
    keys = [_list_sort_keys(head, column) for column in columns]
    cells, models = [""] * len(head), [""] * len(head)
    if {"cell", "model"} <= set(head.columns):
        cells, models = head["cell"].tolist(), head["model"].tolist()
    for index, (cell, model) in enumerate(zip(cells, models, strict=True)):
        texts = [column.values[index] for column in columns]
        numbers = [column_keys[index] for column_keys in keys]
        command = ""
        if cell in results.params:
            command = commands.build_cell_command(cell, model)
        yield Row(list(zip(texts, numbers, strict=True)), command)


def _list_sort_keys(head: pd.DataFrame, column: Column) -> list[str]:
    """Return the numbers to sort a column by; empty texts if the shown texts will do."""
    name = f"{column.metric}_mean"
    is_mean = column.metric and column.header.startswith(column.metric)
    if not is_mean or name not in head.columns:
        return [""] * len(head)
    # Two means may be printed with different digits, so their texts do not sort well.
    keys = []
    for value in head[name].tolist():
        if math.isnan(value):
            keys.append("")
        else:
            keys.append(f"{value:.9g}")
    return keys
