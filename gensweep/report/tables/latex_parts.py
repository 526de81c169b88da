"""The width of a LaTeX table, and its parts where it is wider than a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gensweep.report.tables.columns import Column, Kind

MAX_LINE_CHARACTERS = 80
"""Characters in a line of a 10 point article, of \\footnotesize."""
GAP_CHARACTERS = 2
"""Space between two columns."""


def split_columns(columns: Sequence[Column]) -> list[list[Column]]:
    """Split columns into parts that fit the page.

    Each part has the parameters and counts, and as many metrics as fit beside them.
    """
    keys = [
        one
        for one in columns
        if not one.is_about_metric and not _is_extra(one)
    ]
    others = [column for column in columns if column not in keys]
    # Metrics first; the columns of one metric stay together.
    others.sort(key=lambda column: not column.is_about_metric)
    blocks: dict[str, list[Column]] = {}
    for column in others:
        block = column.group if column.is_about_metric else column.name
        blocks.setdefault(block, []).append(column)
    parts = [list(keys)]
    remaining = MAX_LINE_CHARACTERS - measure_width(keys)
    for block in blocks.values():
        if measure_width(block) > remaining and len(parts[-1]) > len(keys):
            parts.append(list(keys))
            remaining = MAX_LINE_CHARACTERS - measure_width(keys)
        parts[-1] += block
        remaining -= measure_width(block)
    return parts


def _is_extra(column: Column) -> bool:
    """Return whether a column may stand in any part: it neither names a cell nor measures it."""
    return column.name == "seconds" or column.kind == Kind.PAPER


def measure_width(columns: Sequence[Column]) -> int:
    """Return the characters of a line of the table, with the space between columns."""
    width = 0
    for column in columns:
        texts = (*split_header(column), *column.texts)
        width += max(map(len, texts)) + GAP_CHARACTERS
    return width


def split_header(column: Column) -> list[str]:
    """Return the lines of a header: its words one below the other, then its unit."""
    lines = re.split("[_ ]", column.label)
    if column.shown_unit:
        lines.append(column.shown_unit)
    return lines
