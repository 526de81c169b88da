"""A `tabular` of booktabs that fits a column of a paper, or its two columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gensweep.report.paper_kit.columns import (
    BEST,
    PLAIN_NUMBER,
    Cell,
    PaperColumn,
)
from gensweep.report.paper_kit.widths import measure
from gensweep.report.tables.latex_text import escape

USES = r"% \usepackage{booktabs,siunitx}"
SETUP = (
    r"\sisetup{detect-all,mode=text,group-minimum-digits=20}%",
    rf"\DeclareRobustCommand{{{BEST}}}{{\fontseries{{b}}\selectfont}}%",
)
"""Numbers have the letters of the text. Digits of the series `b` are as wide as others."""
WIDTHS_PT = {1: 219.0, 2: 455.0}
"""Width of one column and of two [pt], as in ACL's style: other styles have wider columns."""
SIZES = (
    ("small", 9.0, 4.0),
    ("footnotesize", 8.0, 3.5),
    ("scriptsize", 7.0, 2.5),
)
"""Names of sizes of type, their points, and half the space between columns [pt]."""
SPREAD_PT = 7.0
_PAIR_GAP_EMS = 0.17
"""A thin space; it stands before an interval, and within it after the sign."""
_ARROW_EMS = 1.0
_PARAGRAPH_EMS = 15.0
"""Texts that are wider than this are broken into lines."""
_MIN_PARAGRAPH_EMS = 8.0
_SAFETY = 1.01


@dataclass(frozen=True)
class Layout:
    """The sizes at which a table fits.

    Attributes:
        size: name of the size of its type.
        gap: half the space between columns [pt].
        headers: the lines of each column's header.
        paragraphs: width of each column of texts that are broken into lines [pt]; 0 for others.
        lines: of the longest text, about.
    """

    size: str
    gap: float
    headers: Sequence[Sequence[str]]
    paragraphs: Sequence[float]
    lines: float = 1.0


def find_layout(
    columns: Sequence[PaperColumn], width: float, typeface: str
) -> Layout | None:
    """Return the layout with the largest type that fits a width [pt]; None if none does."""
    for size, points, gap in SIZES:
        layout = _Measurer(points, typeface).lay_out(
            columns, width, size, gap
        )
        if layout is not None:
            return layout
    return None


@dataclass(frozen=True)
class _Measurer:
    """The widths of a table's parts in one size of type [pt]."""

    points: float
    typeface: str

    def lay_out(
        self,
        columns: Sequence[PaperColumn],
        width: float,
        size: str,
        gap: float,
    ) -> Layout | None:
        """Return the layout in this size; None if the table is too wide."""
        headers, natural, flexible = [], [], []
        longest = 0.0
        for column in columns:
            body = self.measure_body(column)
            is_flexible = (
                not column.is_numeric and body > _PARAGRAPH_EMS * self.points
            )
            header = self.wrap_header(column.header, body)
            head = self.measure_header(column, header)
            if is_flexible:
                longest = max(longest, body)
            headers.append(header)
            flexible.append(is_flexible)
            natural.append(0.0 if is_flexible else max(body, head))
        available = width / _SAFETY - 2 * gap * (len(columns) - 1)
        remaining = available - sum(natural)
        count = sum(flexible)
        if remaining < count * _MIN_PARAGRAPH_EMS * self.points:
            return None
        share = remaining / count if count else 0.0
        paragraphs = [share if one else 0.0 for one in flexible]
        lines = longest / share if share else 1.0
        return Layout(size, gap, headers, paragraphs, lines)

    def measure(self, text: str, is_bold: bool = False) -> float:
        """Return the width of a text."""
        return measure(text, self.points, self.typeface, is_bold)

    def measure_body(self, column: PaperColumn) -> float:
        """Return the width of the widest cell."""
        firsts = [
            self.measure(cells[0].text, cells[0].is_bold)
            for cells in column.cells
        ]
        if column.number_format:
            widest = column.number_format.get_widest()
            firsts.append(self.measure(widest))
        width = max(firsts, default=0.0)
        if column.parts > 1:
            spreads = [
                measure(cells[1].text, SPREAD_PT, self.typeface)
                for cells in column.cells
            ]
            width += max(spreads, default=0.0)
            width += _PAIR_GAP_EMS * (self.points + SPREAD_PT)
        return width

    def wrap_header(self, text: str, width: float) -> list[str]:
        """Return the lines of a header, as wide as the column below or the longest word."""
        words = text.split()
        if not words:
            return [""]
        target = max(width, *(self.measure(word) for word in words))
        lines = [words[0]]
        for word in words[1:]:
            longer = f"{lines[-1]} {word}"
            if self.measure(longer) <= target:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def measure_header(
        self, column: PaperColumn, lines: Sequence[str]
    ) -> float:
        """Return the width of a header, with its arrow and power of ten."""
        widths = [self.measure(line) for line in lines]
        if column.arrow:
            widths[-1] += _ARROW_EMS * self.points
        if column.power:
            widths.append(self.measure(f"(x10-{abs(column.power)})"))
        return max(widths)


def write_tabular(
    columns: Sequence[PaperColumn], layout: Layout
) -> list[str]:
    """Return the lines of a tabular without its float, caption and label."""
    types = [
        _write_type(column, width)
        for column, width in zip(columns, layout.paragraphs, strict=True)
    ]
    return [
        rf"{{\{layout.size}\setlength{{\tabcolsep}}{{{layout.gap:g}pt}}%",
        *SETUP,
        rf"\begin{{tabular}}{{@{{}}{''.join(types)}@{{}}}}",
        r"\toprule",
        *_write_head(columns, layout),
        r"\midrule",
        *_write_rows(columns, layout),
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def _write_type(column: PaperColumn, width: float) -> str:
    if width:
        return rf"p{{{width:.1f}pt}}"
    kind = "l"
    if column.number_format:
        kind = f"S[table-format={column.number_format.write()}]"
    elif column.is_numeric:
        kind = "r"
    return rf"{kind}@{{\,}}l" if column.parts > 1 else kind


def _write_head(
    columns: Sequence[PaperColumn], layout: Layout
) -> Iterator[str]:
    headers = []
    for column, lines in zip(columns, layout.headers, strict=True):
        texts = [escape(line) for line in lines]
        if column.arrow:
            texts[-1] += rf"~{column.arrow}"
        if column.power:
            texts.append(rf"($\times 10^{{{column.power}}}$)")
        headers.append(texts)
    height = max(map(len, headers))
    for number in range(height):
        cells = []
        for column, texts in zip(columns, headers, strict=True):
            # Short headers stand at the bottom.
            index = number - (height - len(texts))
            text = texts[index] if index >= 0 else ""
            cells.append(_span(column, text))
        yield " & ".join(cells) + r" \\"


def _span(column: PaperColumn, text: str) -> str:
    """Return a header over all columns that LaTeX needs for a column."""
    if column.parts == 1:
        return _protect(text, column)
    return rf"\multicolumn{{{column.parts}}}{{c}}{{{text}}}"


def _protect(text: str, column: PaperColumn) -> str:
    """Return text for a column, which siunitx must not read as a number."""
    return f"{{{text}}}" if column.number_format and text else text


def _write_cell(column: PaperColumn, cell: Cell) -> str:
    """Return the first cell of a column in a row."""
    if not column.number_format or not PLAIN_NUMBER.fullmatch(cell.text):
        return _protect(cell.latex, column)
    return rf"{BEST} {cell.text}" if cell.is_bold else cell.text


def _write_rows(
    columns: Sequence[PaperColumn], layout: Layout
) -> Iterator[str]:
    count = len(columns[0].cells)
    for number in range(count):
        cells = []
        for column, width in zip(columns, layout.paragraphs, strict=True):
            first, *others = column.cells[number]
            latex = [_write_cell(column, first)]
            latex += [cell.latex for cell in others]
            if width:
                latex = [rf"\raggedright {text}" for text in latex]
            cells += latex
        # In a paragraph, `\\` would break its last line only.
        yield " & ".join(cells) + r" \tabularnewline"
