"""Tables as they stand on the page: cut where they are long, with the command behind every row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
"""Most rows of a table on the page."""
MAX_ROWS_PER_SWEEP = 5000
"""Most rows of all of a sweep's tables together."""
MAX_OPEN_TABLES = 12
"""As many tables are shown without a click."""
STATISTICS = "statistics"
ELSEWHERE = (STATISTICS, "cells-problems")
"""Tables that other sections of the page say in words."""


@dataclass(frozen=True)
class Header:
    """A column's name, its unit, and whether its cells are numbers."""

    text: str
    unit: str
    numeric: bool


@dataclass(frozen=True)
class Row:
    """A row's cells as (text, number to sort by or ""), and the command that makes its numbers again."""

    cells: list[tuple[str, str]]
    command: str


@dataclass(frozen=True)
class View:
    """A table of the page.

    Attributes:
        file: stem of the files that hold all of it.
        cut: how many rows it lacks here, in words; empty where it has all.
    """

    file: str
    caption: str
    headers: list[Header]
    rows: list[Row]
    notes: Sequence[str] = ()
    cut: str = ""
    open: bool = True
    commands: bool = field(default=False)


def build_views(found: Sequence[Table], results: Results, commands: Commands) -> list[View]:
    """The sweep's tables, those that it names before those that every sweep has."""
    views: list[View] = []
    shown = [table for table in found if table.name not in ELSEWHERE]
    named = sorted(
        shown, key=lambda table: (table.name == "cells", table.name.startswith("leaderboard"))
    )
    for table in named:
        for caption, frame, notes in _parts(table):
            left = max(0, MAX_ROWS_PER_SWEEP - sum(len(view.rows) for view in views))
            is_open = (
                len(views) < MAX_OPEN_TABLES and table.name != "cells"
            )  # which has the others' numbers once more
            all_notes = [*notes, *list_remarks(frame, results)]
            views.append(
                _view(table.name, caption, frame, all_notes, results, commands, left, is_open)
            )
    return views


def _parts(table: Table) -> Iterator[tuple[str, pd.DataFrame, Sequence[str]]]:
    """The table, or each of its sections; its notes stand with the last."""
    parts = list((table.sections or {"": table.frame}).items())
    for place, (heading, frame) in enumerate(parts):
        title = f"{table.title}: {heading}" if heading else table.title
        yield title, frame, table.notes if place == len(parts) - 1 else ()


def _view(
    name: str, caption: str, frame: pd.DataFrame, notes: Sequence[str], results: Results, commands: Commands,
    left: int, is_open: bool,
) -> View:  # fmt: skip
    count = min(MAX_ROWS_PER_TABLE, left)
    head = frame.head(count)
    shown = build_columns(head, results, split_counts=True) if len(head) else []
    rows = list(_rows(head, shown, results, commands)) if shown else []
    hidden = len(frame) - len(rows)
    headers = [_header(column) for column in shown]
    cut = (
        f"{pluralize(hidden, 'more row')} in"
        if rows
        else f"{pluralize(hidden, 'row')}, all of them in"
    )
    return View(
        name, caption, headers, rows, notes, cut if hidden else "" if rows else "Nothing to show.", is_open,
        any(row.command for row in rows),
    )  # fmt: skip


def _header(column: Column) -> Header:
    text, bracket, unit = column.header.partition(" [")
    return Header(text, f"{bracket}{unit}".strip(), column.is_numeric)


def _rows(
    head: pd.DataFrame, shown: list[Column], results: Results, commands: Commands
) -> Iterator[Row]:
    known = {"cell", "model"} <= set(head.columns)
    pairs = zip(head["cell"], head["model"], strict=True) if known else [("", "")] * len(head)
    cells = (list(zip(column.values, _keys(head, column), strict=True)) for column in shown)
    for (cell, model), *row in zip(pairs, *cells, strict=True):
        yield Row(row, commands.build_cell_command(cell, model) if cell in results.params else "")


def _keys(head: pd.DataFrame, column: Column) -> list[str]:
    """Of a metric's means the numbers themselves: two of them may be printed with different digits."""
    name = f"{column.metric}_mean"
    if not column.header.startswith(column.metric) or name not in head.columns or not column.metric:
        return [""] * len(head)
    return ["" if math.isnan(value) else f"{value:.9g}" for value in head[name].tolist()]
