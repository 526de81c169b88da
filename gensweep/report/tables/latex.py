"""Tables as LaTeX, with `booktabs`, and `longtable` if a table is longer than a page.

A table that is wider than a page is split into several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.report.summary import INTERVAL_METHOD
from gensweep.report.tables import COUNTS, Table
from gensweep.report.tables.columns import Column, TableData
from gensweep.report.tables.latex_cells import format_cell
from gensweep.report.tables.latex_parts import (
    GAP_CHARACTERS,
    MAX_LINE_CHARACTERS,
    measure_width,
    split_columns,
    split_header,
)
from gensweep.report.tables.latex_text import escape, join_lines
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.notes import list_legend

if TYPE_CHECKING:
    from gensweep.report.results import Results

PACKAGES = ("booktabs", "longtable")
"""The packages that a document needs for the tables."""
USES = f"% \\usepackage{{{','.join(PACKAGES)}}}"
_LARGEST_SIZE, _SMALL_GAP = "footnotesize", 2
_FONT_SIZES = {_LARGEST_SIZE: 1.0, "scriptsize": 7 / 8, "tiny": 5 / 8}
"""Font sizes, relative to the first."""
MAX_PAGE_LINES = 40
"""Lines of a page of a 10 point article, of \\footnotesize."""
_MAX_UNBROKEN_CHARACTERS = 22
"""Text columns that are wider than this are broken into paragraphs."""
_LINE_SHARE, _MIN_PARAGRAPH_SHARE = 0.97, 0.2
"""Share of a line that columns fill, and the least that is left for paragraphs."""


def render_latex(table: Table, results: Results, suffix: str = "") -> str:
    r"""Return the table for a document that says ``\usepackage{booktabs,longtable}``.

    Each part is a complete `table` or `longtable` with a caption (title, what the numbers are,
    n) and a label, ``tab:<sweep>-<table>``. The labels of further parts end with ``:2``, ``:3``.
    Notes follow the last part.

    Args:
        table: the table.
        results: the sweep's results.
        suffix: appended to the label.
    """
    lines = [USES]
    label = make_label(table, results) + suffix
    number = 0
    for heading, data in table.parts.items():
        title = table.title
        if heading:
            title += f": {heading}"
        parts = [[Column("", ["Nothing to show."])]]
        if len(data):
            parts = split_columns(arrange_columns(data, split_counts=True))
        for index, part in enumerate(parts, 1):
            number += 1
            part_title = title
            if len(parts) > 1:
                part_title += f" (part {index} of {len(parts)})"
            caption = f"{escape(part_title)}.{_describe_numbers(data, part)}"
            lines += [
                "",
                *render_environment(
                    part, make_caption(caption, label, number)
                ),
            ]
    notes = [*table.notes, *list_legend(table.data, results)]
    return join_lines([*lines, *format_notes(notes)])


def make_label(table: Table, results: Results) -> str:
    """Return ``tab:<sweep>-<table>``, with other characters than a label can have replaced."""
    name = f"{results.sweep.name}-{table.name}"
    return "tab:" + re.sub(r"[^\w.+=-]", "_", name, flags=re.ASCII)


def make_caption(caption: str, label: str, number: int) -> str:
    r"""Return the ``\caption`` and ``\label`` of a part, which are numbered from 1."""
    name = label
    if number > 1:
        name += f":{number}"
    return f"\\caption{{{caption}}}\\label{{{name}}}"


def format_notes(texts: Sequence[str]) -> list[str]:
    """Return the lines of a list in small type; none for no texts."""
    if not texts:
        return []
    items = [rf"\item {escape(text, breaks=True)}" for text in texts]
    return [
        "",
        r"\begin{footnotesize}",
        r"\begin{itemize}",
        *items,
        r"\end{itemize}",
        r"\end{footnotesize}",
    ]


def describe_method() -> str:
    """Return what the numbers with an interval are, as LaTeX, without a full stop."""
    return escape(INTERVAL_METHOD)


def _describe_numbers(data: TableData, part: Sequence[Column]) -> str:
    """Return what the numbers are and of how many seeds; empty for a part without metrics."""
    if (
        not any(column.is_about_metric for column in part)
        or COUNTS[0] not in data
    ):
        return ""
    ok = data.get(COUNTS[0]).values
    seeds = str(max(ok))
    if min(ok) != max(ok):
        seeds = f"{min(ok)} to {max(ok)}"
    return f" {describe_method()}; $n$ = {seeds} seeds."


def render_environment(
    part: Sequence[Column],
    caption: str,
    size: str | None = None,
    gap: int = 4,
) -> Iterator[str]:
    """Yield the lines of a `table`, or of a `longtable` if a page is too short.

    Args:
        part: its columns.
        caption: the commands of its caption and label.
        size: the name of the font size. None: the largest one at which a line fits.
        gap: half the space between columns [pt].
    """
    shares = _compute_shares(part)
    if size is None:
        size = _choose_size(shares)
        gap = gap if size == _LARGEST_SIZE else _SMALL_GAP
    form = "".join(
        _format_column_type(column, share) for column, share in shares
    )
    head = list(_format_head(part))
    rows = list(_format_rows(shares))
    space = rf"\setlength{{\tabcolsep}}{{{gap}pt}}"
    if _count_lines(shares) > MAX_PAGE_LINES:
        yield rf"\begingroup\{size}{space}"
        yield rf"\begin{{longtable}}{{@{{}}{form}@{{}}}}"
        yield from (
            rf"{caption}\\",
            r"\toprule",
            *head,
            r"\midrule",
            r"\endfirsthead",
        )
        yield from (
            r"\toprule",
            *head,
            r"\midrule",
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
        )
        yield from (*rows, r"\end{longtable}", r"\endgroup")
    else:
        yield from (r"\begin{table}[htbp]", rf"\centering\{size}", space)
        yield from (r"\setlength{\belowcaptionskip}{4pt}", caption)
        yield rf"\begin{{tabular}}{{@{{}}{form}@{{}}}}"
        yield from (r"\toprule", *head, r"\midrule", *rows, r"\bottomrule")
        yield from (r"\end{tabular}", r"\end{table}")


def _choose_size(shares: Sequence[tuple[Column, float]]) -> str:
    """Return the name of the largest font size at which a line fits the page, or the smallest."""
    width = 0.0
    for column, share in shares:
        width += share * MAX_LINE_CHARACTERS or measure_width([column])
    for name, scale in _FONT_SIZES.items():
        if width * scale <= MAX_LINE_CHARACTERS:
            return name
    return min(_FONT_SIZES, key=lambda name: _FONT_SIZES[name])


def _format_column_type(column: Column, share: float) -> str:
    """Return how LaTeX aligns a column: as a paragraph, to the right, or to the left."""
    if share:
        return f"p{{{share:.3f}\\linewidth}}"
    return "r" if column.is_numeric else "l"


def _compute_shares(part: Sequence[Column]) -> list[tuple[Column, float]]:
    """Return each column with its share of the line.

    The share is 0 for a column that is as wide as its longest line, not a paragraph.
    """
    paragraphs = []
    for column in part:
        if not column.is_numeric and column.width > _MAX_UNBROKEN_CHARACTERS:
            paragraphs.append(column)
    others = [column for column in part if column not in paragraphs]
    characters = measure_width(others) + GAP_CHARACTERS * len(paragraphs)
    available = max(
        _MIN_PARAGRAPH_SHARE, _LINE_SHARE - characters / MAX_LINE_CHARACTERS
    )
    # By the square root of its length: a text of four times the length gets twice the width.
    weights = [max(map(len, column.texts)) ** 0.5 for column in paragraphs]
    shares = {}
    for column, weight in zip(paragraphs, weights, strict=True):
        shares[id(column)] = available * weight / sum(weights)
    return [(column, shares.get(id(column), 0.0)) for column in part]


def _count_lines(shares: Sequence[tuple[Column, float]]) -> float:
    """Return the lines of the printed table, with paragraphs broken."""
    paragraphs = [
        (column, share * MAX_LINE_CHARACTERS)
        for column, share in shares
        if share
    ]
    if not paragraphs:
        return len(shares[0][0].values)
    lines_by_column = [
        [len(text) / width for text in column.texts]
        for column, width in paragraphs
    ]
    return sum(1 + max(row) for row in zip(*lines_by_column, strict=True))


def _format_head(part: Sequence[Column]) -> Iterator[str]:
    headers = [split_header(column) for column in part]
    height = max(map(len, headers))
    # Short headers stand at the bottom.
    padded = [[""] * (height - len(lines)) + lines for lines in headers]
    for row in zip(*padded, strict=True):
        yield " & ".join(map(escape, row)) + r" \tabularnewline"


def _format_rows(shares: Sequence[tuple[Column, float]]) -> Iterator[str]:
    columns = [_format_column(column, share) for column, share in shares]
    for row in zip(*columns, strict=True):
        yield " & ".join(row) + r" \tabularnewline"


def _format_column(column: Column, share: float) -> list[str]:
    if share:
        return [
            r"\raggedright " + escape(text, breaks=True)
            for text in column.texts
        ]
    return [format_cell(column, value) for value in column.values]
