"""Tables as LaTeX: `booktabs`, `longtable` where a page is too short, several tables where it is too narrow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.report.summary import METHOD
from gensweep.report.tables import COUNTS, Table
from gensweep.report.tables.layout import NOTHING, Column, build_columns, list_legend

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

PACKAGES = ("booktabs", "longtable")
"""What a document needs to typeset the tables."""
USES = f"% \\usepackage{{{','.join(PACKAGES)}}}"
WIDEST, MOST_LINES = 80, 40
"""Characters of \\footnotesize in a line, and lines on a page, of a 10 point article."""
_GAP, _NARROW = 2, 22
_NUMBER = r"[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?"
_CELL = re.compile(rf"({_NUMBER})(?: ± ({_NUMBER}))?(?: \(n=(\d+)\))?")
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": "$<$", ">": "$>$", "|": "$|$", "`": r"\`{}",
    "±": r"$\pm$", "–": r"\textendash{}", "—": r"\textemdash{}", "×": r"$\times$", "…": r"\ldots{}", "ß": r"{\ss}",
}  # fmt: skip
_LETTERS, _LETTER = "LMNPS", r"\unicodeletter"
"""Unicode's kinds of characters that can be printed, and the command for those that pdfLaTeX lacks."""
_LETTER_COMMAND = (
    rf"\providecommand{{{_LETTER}}}[2]{{[U+#1]}} "
    rf"% in LuaLaTeX, with a font that has them: \newcommand{{{_LETTER}}}[2]{{#2}} before"
)
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0308": '"', "\u030a": "r",
            "\u030c": "v", "\u0327": "c"}  # fmt: skip


def render_latex(table: Table, results: Results, suffix: str = "") -> str:
    r"""The table for a document that says ``\usepackage{booktabs,longtable}``.

    Each part is a whole `table` or `longtable` with a caption (title, what the numbers are, n) and a label,
    ``tab:<sweep>-<table>``; further parts have ``:2``, ``:3`` after it. Notes follow the last part.

    Args:
        suffix: of the label.
    """
    lines, label, number = [USES], label_of(table, results) + suffix, 0
    for heading, frame in (table.sections or {"": table.frame}).items():
        title = f"{table.title}: {heading}" if heading else table.title
        parts = parted(build_columns(frame, results, apart=True)) if len(frame) else [[_nothing()]]
        for place, part in enumerate(parts, 1):
            number += 1
            which = f"{title} (part {place} of {len(parts)})" if len(parts) > 1 else title
            caption = f"{escape(which)}.{_caption(frame, part)}"
            name = label if number == 1 else f"{label}:{number}"
            lines += ["", *environment(part, f"\\caption{{{caption}}}\\label{{{name}}}")]
    return whole([*lines, *notes([*table.notes, *list_legend(table.frame, results)])])


def whole(lines: Sequence[str]) -> str:
    """Return a file's text of its lines, the first of which says what it uses, with the commands that they need."""
    text = "\n".join(lines) + "\n"
    return text.replace("\n", f"\n{_LETTER_COMMAND}\n", 1) if _LETTER in text else text


def label_of(table: Table, results: Results) -> str:
    """``tab:<sweep>-<table>``, of characters that a label can have."""
    return "tab:" + re.sub(r"[^\w.+=-]", "_", f"{results.sweep.name}-{table.name}", flags=re.ASCII)


def notes(texts: Sequence[str]) -> list[str]:
    """A list in small type; nothing for none."""
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


def escape(text: str, breaks: bool = False) -> str:
    """Text as LaTeX prints it, in pdfLaTeX, too: letters with accents by commands, others by their code point.

    A document may print those others as they are: see `whole`.

    Args:
        text: white space in it counts as one space.
        breaks: whether a line may end after an underscore, a slash or a hyphen: for paths and ids in narrow columns.
    """
    found = []
    for char in unicodedata.normalize("NFC", " ".join(text.split())):
        plain, *marks = unicodedata.normalize("NFD", char)
        if char in _SPECIAL:
            found.append(_SPECIAL[char])
        elif " " <= char <= "~":
            found.append(char)
        elif plain.isascii() and plain.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
            found.append(f"\\{_ACCENTS[marks[0]]}{{{plain}}}")
        elif unicodedata.category(char)[0] in _LETTERS:
            found.append(f"{_LETTER}{{{ord(char):04X}}}{{{char}}}")
        else:
            found.append(f"[U+{ord(char):04X}]")
    safe = re.sub(
        r"(?<=-)(?=-)|(?<=')(?=')", "{}", "".join(found)
    )  # not a dash, not a closing quotation mark
    safe = re.sub(r"(?<![\w}-])-(?=\d)", "$-$", safe)
    return re.sub(r"(\\_|/|(?<=\w)-(?=\w))", r"\1\\allowbreak{}", safe) if breaks else safe


def _nothing() -> Column:
    return Column("", ["Nothing to show."], numeric=False)


def _caption(frame: pd.DataFrame, part: Sequence[Column]) -> str:
    """What the numbers are and how many seeds they are of, where they are of seeds."""
    if not any(column.metric for column in part):
        return ""
    ok = frame[COUNTS[0]]
    n = str(ok.max()) if ok.min() == ok.max() else f"{ok.min()} to {ok.max()}"
    method = METHOD.partition("; ")[0]
    return f" {escape(method[0].upper() + method[1:])}; $n$ = {n} seeds."


def parted(shown: Sequence[Column]) -> list[list[Column]]:
    """Columns in pieces that fit the page: parameters and counts in each, metrics as far as they go."""
    keys = [column for column in shown if not column.metric and not _extra(column)]
    blocks: dict[str, list[Column]] = {}
    for column in sorted((c for c in shown if c not in keys), key=lambda c: not c.metric):
        blocks.setdefault(column.metric or column.header, []).append(column)
    parts, room = [list(keys)], WIDEST - width(keys)
    for block in blocks.values():
        if width(block) > room and len(parts[-1]) > len(keys):
            parts.append(list(keys))
            room = WIDEST - width(keys)
        parts[-1] += block
        room -= width(block)
    return parts


def _extra(column: Column) -> bool:
    """Neither what a cell is nor what it measured: it may stand in any part."""
    return column.header == "seconds" or column.header.startswith("report's ")


def width(shown: Sequence[Column]) -> int:
    """Characters of a line of the table, with the space between columns."""
    return sum(max(map(len, (*_header(column), *column.values))) + _GAP for column in shown)


def _header(column: Column) -> list[str]:
    """A header's words, one below the other, and its unit."""
    name, bracket, unit = column.header.partition(" [")
    return [*re.split("[_ ]", name), *([f"[{unit}"] if bracket else [])]


def environment(
    part: Sequence[Column], caption: str, size: str = "footnotesize", gap: int = 4
) -> Iterator[str]:
    """A `table`, or a `longtable` where a page is too short.

    Args:
        part: its columns.
        caption: with the label.
        size: of the letters.
        gap: half the space between columns [pt].
    """
    shares = _shares(part)
    form = "".join(
        f"p{{{share:.3f}\\linewidth}}" if share else "r" if c.numeric else "l"
        for c, share in shares
    )
    head, rows, space = (
        list(_head(part)),
        list(_rows(shares)),
        rf"\setlength{{\tabcolsep}}{{{gap}pt}}",
    )
    if _lines(shares) > MOST_LINES:
        yield rf"\begingroup\{size}{space}"
        yield rf"\begin{{longtable}}{{@{{}}{form}@{{}}}}"
        yield from (rf"{caption}\\", r"\toprule", *head, r"\midrule", r"\endfirsthead")
        yield from (r"\toprule", *head, r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot")
        yield from (*rows, r"\end{longtable}", r"\endgroup")
    else:
        yield from (r"\begin{table}[htbp]", rf"\centering\{size}", space)
        yield from (r"\setlength{\belowcaptionskip}{4pt}", caption)
        yield rf"\begin{{tabular}}{{@{{}}{form}@{{}}}}"
        yield from (
            r"\toprule",
            *head,
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        )


def _shares(part: Sequence[Column]) -> list[tuple[Column, float]]:
    """Each column with its share of the line if it is a paragraph, 0 if it is as wide as its longest line."""
    long = [column for column in part if not column.numeric and column.width > _NARROW]
    left = max(
        0.3,
        0.97
        - (width([column for column in part if column not in long]) + _GAP * len(long)) / WIDEST,
    )
    weights = [max(map(len, column.values)) ** 0.5 for column in long]
    shares = {
        id(column): left * weight / sum(weights)
        for column, weight in zip(long, weights, strict=True)
    }
    return [(column, shares.get(id(column), 0.0)) for column in part]


def _lines(shares: Sequence[tuple[Column, float]]) -> float:
    """Lines of the printed table, paragraphs broken."""
    paragraphs = [(column, share * WIDEST) for column, share in shares if share]
    rows = zip(
        *([len(text) / width for text in column.values] for column, width in paragraphs),
        strict=True,
    )
    return sum(1 + max(row) for row in rows) if paragraphs else len(shares[0][0].values)


def _head(part: Sequence[Column]) -> Iterator[str]:
    headers = [_header(column) for column in part]
    height = max(map(len, headers))
    for row in zip(*([""] * (height - len(lines)) + lines for lines in headers), strict=True):
        yield " & ".join(map(escape, row)) + r" \tabularnewline"


def _rows(shares: Sequence[tuple[Column, float]]) -> Iterator[str]:
    def text(value: str, share: float) -> str:
        return r"\raggedright " + escape(value, breaks=True) if share else format_cell(value)

    texts = [[text(value, share) for value in column.values] for column, share in shares]
    for row in zip(*texts, strict=True):
        yield " & ".join(row) + r" \tabularnewline"


def format_cell(text: str) -> str:
    r"""A printed cell: ``0.625 ± 0.022 (n=2)`` as ``$0.625 \pm 0.022$ ($n=2$)``; a signed number as mathematics."""
    found = _CELL.fullmatch(text)
    if not found:
        return "--" if text == NOTHING else escape(text)
    mean, half, n = found.groups()
    if half is None and n is None and mean.replace(".", "").isdigit():
        return text
    numbers = _power(mean) if half is None else rf"{_power(mean)} \pm {_power(half)}"
    return f"${numbers}$" + (f" ($n={n}$)" if n else "")


def _power(number: str) -> str:
    digits, exponent, power = number.partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if exponent else digits
