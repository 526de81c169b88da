"""Tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gensweep.report.measurement import is_contender
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.notes import list_legend
from gensweep.system.text import escape_controls

if TYPE_CHECKING:
    from gensweep.report.results import Results

MIN_COLUMN_CHARACTERS = 3
"""Markdown's line below the header needs this many."""
_MARKUP = re.compile(
    r"[|<*`~$]|&(?=#?\w+;)|\\(?=[!-/:-@\[-`{-~])|\](?=[(\[:])|!(?=\[)"
    r"|(?<![A-Za-z0-9])_(?=\S)|(?<=\S)_(?![A-Za-z0-9])"
    r"|:(?=[a-z0-9_+-]+:)"
)
"""What Markdown would read as HTML, code, a link, emphasis, a formula or an emoji code.

Most brackets are none of these."""
_HTML_ESCAPES = {"&": "&amp;", "<": "&lt;"}
"""These two are escaped as HTML does it, which every viewer understands."""


def render_markdown(table: Table, results: Results) -> str:
    """Return the table with its notes and with what its metrics mean."""
    lines = [f"# {escape_markdown(table.title)}", ""]
    for heading, part in table.parts.items():
        if heading:
            lines += [f"## {escape_markdown(heading)}", ""]
        if len(part):
            columns = arrange_columns(part, std=True, split_counts=True)
            lines += [*_format_rows(columns), ""]
        else:
            lines += ["Nothing to show.", ""]
    for note in (*table.notes, *list_legend(table.data, results)):
        lines.append(f"- {escape_markdown(note)}")
    return "\n".join(lines).rstrip() + "\n"


def _format_rows(columns: list[Column]) -> Iterator[str]:
    """Yield the header, the line below it, and one line for each row."""
    texts_by_column = []
    for column in columns:
        texts = [
            escape_markdown(text)
            for text in (column.full_label, *column.texts)
        ]
        for number, value in enumerate(column.values, 1):
            if is_contender(value):
                texts[number] = f"**{texts[number]}**"
        texts_by_column.append(texts)
    widths = [
        max(MIN_COLUMN_CHARACTERS, *map(len, texts))
        for texts in texts_by_column
    ]
    # A colon at its end aligns a column to the right.
    rules = []
    for width, column in zip(widths, columns, strict=True):
        rules.append(
            "-" * (width - 1) + ":" if column.is_numeric else "-" * width
        )
    for number, row in enumerate(zip(*texts_by_column, strict=True)):
        yield _format_row(row, widths, columns)
        if number == 0:
            yield _join_cells(rules)


def _format_row(
    row: Iterable[str], widths: list[int], columns: list[Column]
) -> str:
    cells = []
    for text, width, column in zip(row, widths, columns, strict=True):
        cells.append(
            text.rjust(width) if column.is_numeric else text.ljust(width)
        )
    return _join_cells(cells)


def _join_cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape_markdown(text: str) -> str:
    """Return text so that a cell of Markdown shows it as it is."""
    return _MARKUP.sub(
        _escape_character, " ".join(escape_controls(text).split())
    )


def _escape_character(match: re.Match[str]) -> str:
    character = match[0]
    return _HTML_ESCAPES.get(character, f"\\{character}")
