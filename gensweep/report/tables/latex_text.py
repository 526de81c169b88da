"""Text and numbers as LaTeX prints them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": "$<$", ">": "$>$", "|": "$|$", "`": r"\`{}",
    "±": r"$\pm$", "–": r"\textendash{}", "—": r"\textemdash{}", "×": r"$\times$", "…": r"\ldots{}",
    "ß": r"{\ss}",
}  # fmt: skip
_PRINTABLE_CATEGORIES = "LMNPS"
"""Unicode's categories of characters that can be printed."""
_LETTER = r"\unicodeletter"
"""The command for characters that pdfLaTeX lacks."""
_LETTER_COMMAND = (
    rf"\providecommand{{{_LETTER}}}[2]{{[U+#1]}} "
    rf"% in LuaLaTeX, with a font that has them: \newcommand{{{_LETTER}}}[2]{{#2}} before"
)
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0308": '"',
    "\u030a": "r", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
"""Unicode's combining accents, and the commands for them."""


def join_lines(lines: Sequence[str]) -> str:
    """Return the text of a file, with the definitions of the commands that its lines need.

    Args:
        lines: the first one says which packages the file uses.
    """
    text = "\n".join(lines) + "\n"
    if _LETTER in text:
        # After the first line.
        text = text.replace("\n", f"\n{_LETTER_COMMAND}\n", 1)
    return text


def escape(text: str, breaks: bool = False) -> str:
    """Return text as LaTeX prints it, also in pdfLaTeX.

    Letters with accents become commands. All other characters that pdfLaTeX lacks are printed
    as their code point; a document may print them as they are, see `join_lines`.

    Args:
        text: white space in it counts as one space.
        breaks: let a line end after an underscore, a slash or a hyphen. This is for paths and
            ids in narrow columns.
    """
    normal = unicodedata.normalize("NFC", " ".join(text.split()))
    safe = "".join(_escape_character(char) for char in normal)
    # Two hyphens would become a dash, and two apostrophes a closing quotation mark.
    safe = re.sub(r"(?<=-)(?=-)|(?<=')(?=')", "{}", safe)
    # A minus sign before a number.
    safe = re.sub(r"(?<![\w}-])-(?=\d)", "$-$", safe)
    # At the beginning of a row or an item, LaTeX would take these for arguments of the command
    # before it: `\\midrule`, the end of the last row, `\\item`.
    if safe.startswith(("[", "*")):
        safe = f"{{}}{safe}"
    if breaks:
        safe = re.sub(r"(\\_|/|(?<=\w)-(?=\w))", r"\1\\allowbreak{}", safe)
    return safe


def _escape_character(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if " " <= char <= "~":
        return char
    plain, *marks = unicodedata.normalize("NFD", char)
    if (
        plain.isascii()
        and plain.isalpha()
        and len(marks) == 1
        and marks[0] in _ACCENTS
    ):
        return f"\\{_ACCENTS[marks[0]]}{{{plain}}}"
    if unicodedata.category(char)[0] in _PRINTABLE_CATEGORIES:
        return f"{_LETTER}{{{ord(char):04X}}}{{{char}}}"
    return f"[U+{ord(char):04X}]"
