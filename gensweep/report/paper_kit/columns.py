"""Columns of a paper's table: what LaTeX prints, and the same as plain text to measure it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gensweep.core.values import is_number
from gensweep.report.measurement import Measurement, NotMeasured
from gensweep.report.paper_kit.labels import Labels
from gensweep.report.paper_kit.numbers import Form, choose_form
from gensweep.report.tables import text_cells
from gensweep.report.tables.columns import Column, Kind
from gensweep.report.tables.latex_cells import NOTHING, format_cell
from gensweep.report.tables.latex_text import escape
from gensweep.report.tables.text_cells import UNMEASURED, format_text

ARROWS = {"max": r"$\uparrow$", "min": r"$\downarrow$"}
"""Behind the header of a metric: where better is."""
NAMING_COLUMNS = ("model", "metric", "parameter")
"""Columns whose values are names that have labels."""
BEST = r"\gsbest"
"""The command before a number that cannot be told from the best one."""
NOT_AVAILABLE = "n/a"
"""Of a row that was trained, but not measured."""
ABSENT = (NOT_AVAILABLE, UNMEASURED, NOTHING, text_cells.NOTHING, "")
"""Texts of cells without a number, in a column of numbers."""
PLAIN_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?")
P_VALUES = ("p", "corrected", "equal", "McNemar p")
"""Names of columns of p-values."""
SMALLEST_P = 0.001
"""Smaller p-values are written as below it: their digits say more than the tests can."""
SPREAD_SIZE = r"\scriptsize"
"""The size of the type of intervals."""


@dataclass(frozen=True)
class NumberFormat:
    """The digits of a column of numbers, whose points stand in line.

    Attributes:
        has_sign: whether any number is negative.
        integers: the most digits before the point.
        decimals: the most digits after it.
    """

    has_sign: bool
    integers: int
    decimals: int

    def write(self) -> str:
        """Return it as siunitx takes it, such as `-1.3`."""
        sign = "-" if self.has_sign else ""
        return f"{sign}{self.integers}.{self.decimals}"

    def get_widest(self) -> str:
        """Return a number that is as wide as the column; a plus is as wide as a minus."""
        sign = "+" if self.has_sign else ""
        point = "." if self.decimals else ""
        return f"{sign}{'0' * self.integers}{point}{'0' * self.decimals}"


@dataclass(frozen=True)
class Cell:
    """A cell: its LaTeX, and its text without commands."""

    latex: str
    text: str
    is_bold: bool = False


@dataclass(frozen=True)
class PaperColumn:
    """A column of a paper's table.

    Attributes:
        header: words, one line; they may be broken into several.
        cells: of each row, one, or two that stand close together: a mean and its interval.
        is_numeric: whether cells are aligned to the right.
        arrow: LaTeX behind the header; empty for none.
        power: of ten, by which the numbers are to be multiplied.
        group: the metric that the column is about; empty for another column.
    """

    header: str
    cells: Sequence[tuple[Cell, ...]]
    is_numeric: bool
    arrow: str = ""
    power: int = 0
    group: str = ""

    @property
    def parts(self) -> int:
        """The number of columns that LaTeX needs."""
        return max((len(cells) for cells in self.cells), default=1)

    @cached_property
    def number_format(self) -> NumberFormat | None:
        """The digits of its numbers; None if some are not plain decimal numbers."""
        if not self.is_numeric:
            return None
        matches = []
        for cells in self.cells:
            match = PLAIN_NUMBER.fullmatch(cells[0].text)
            if match:
                matches.append(match)
            elif cells[0].text not in ABSENT:
                return None
        if not matches:
            return None
        return NumberFormat(
            any(match[1] for match in matches),
            max(len(match[2]) for match in matches),
            max(len(match[3] or "") for match in matches),
        )


def make_columns(
    columns: Sequence[Column], labels: Labels
) -> Iterator[PaperColumn]:
    """Yield the columns of a table as a paper prints them.

    A metric has one number of decimals, and a published number those of its metric or its own.
    """
    for column in columns:
        header = labels.write(labels.get(column.label))
        if column.kind == Kind.PAPER:
            header = "published"
        arrow = ARROWS.get(column.direction, "")
        if column.kind == Kind.METRIC:
            form = choose_form(column.values)
            cells: list[tuple[Cell, ...]] = [
                _make_pair(value, form) for value in column.values
            ]
            if not any(pair[1].text for pair in cells):
                cells = [pair[:1] for pair in cells]
            yield PaperColumn(
                header, cells, True, arrow, form.power, column.group
            )
        else:
            texts = [
                (_make_cell(column, value, labels),)
                for value in column.values
            ]
            group = column.group if column.is_about_metric else ""
            yield PaperColumn(
                header, texts, column.is_numeric, arrow, group=group
            )


def _make_pair(value: Any, form: Form) -> tuple[Cell, Cell]:
    """Return a mean and its interval; the second cell is empty without an interval."""
    if not isinstance(value, Measurement):
        was_trained = isinstance(value, NotMeasured) and value.seeds
        text = NOT_AVAILABLE if was_trained else NOTHING
        return Cell(text, text), Cell("", "")
    mean = form.write(value.mean)
    latex = write_number(mean)
    if value.is_contender:
        latex = rf"\textbf{{{latex}}}"
    first = Cell(latex, mean, value.is_contender)
    if not value.has_interval:
        return first, Cell("", "")
    if value.is_cut:
        low, high = form.write(value.low), form.write(value.high)
        spread = f"[{low}, {high}]"
        inner = f"[{write_number(low)}, {write_number(high)}]"
    else:
        spread = f"±{form.write(value.ci95)}"
        inner = rf"$\pm$\,{form.write(value.ci95)}"
    return first, Cell(f"{{{SPREAD_SIZE} {inner}}}", spread)


def write_number(text: str) -> str:
    """Return a decimal number as LaTeX, with a minus instead of a hyphen."""
    return f"$-${text[1:]}" if text.startswith("-") else text


def _make_cell(column: Column, value: Any, labels: Labels) -> Cell:
    """Return a value that is no measurement; names in texts get their labels."""
    if isinstance(value, str) and column.kind != Kind.PARAMETER:
        shown = value if column.write is None else column.write(value)
        write = labels.write
        if column.name in NAMING_COLUMNS:
            write = labels.get
        shown = write(shown)
        return Cell(escape(shown), shown)
    if column.name in P_VALUES and is_number(value):
        text = f"{value:.3f}" if value >= SMALLEST_P else f"< {SMALLEST_P}"
        return Cell(f"${text}$", text)
    return Cell(format_cell(column, value), format_text(column, value))
