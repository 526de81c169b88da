"""The width of printed text, measured in the fonts that papers are set in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.report.paper_kit.options import COMPUTER_MODERN, FONTS, TIMES

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

FACTORS = {
    COMPUTER_MODERN: {9.0: 1.03, 8.0: 1.065, 7.0: 1.14},
    TIMES: {9.0: 1.0, 8.0: 1.0, 7.0: 1.0},
}
"""Typeface -> points -> how much wider small letters are than those of 10 points, scaled.

The small sizes of Computer Modern are wider: a digit has 0.500 em at 10 points, 0.569 at 7."""
NUMBER_EMS = 5.0
"""Width of a letter that pdfLaTeX prints by its number, as in ``[U+6570]``."""
_MEASURED_SIZE = 100.0
_BOLD_FACTOR = 1.15
"""Bold digits of Computer Modern are this much wider; those of Times are as wide as others."""


def measure(
    text: str, points: float, typeface: str, is_bold: bool = False
) -> float:
    """Return the width of a text [pt]; a letter that the font lacks is printed by its number.

    Args:
        text: without commands.
        points: size of its type: 9, 8 or 7.
        typeface: one of `FONTS`.
        is_bold: whether it is printed in bold.
    """
    factor = FACTORS[typeface][points]
    if is_bold:
        factor *= _BOLD_FACTOR
    return _measure_ems(text, FONTS[typeface][0][0]) * points * factor


@lru_cache(maxsize=20_000)
def _measure_ems(text: str, name: str) -> float:
    font = _load_font(name)
    known = font.get_charmap()
    printable = "".join(char for char in text if ord(char) in known)
    if not printable:
        return len(text) * NUMBER_EMS
    font.set_text(printable, 0.0)
    # In 64ths of a pixel, at 72 pixels an inch.
    width = font.get_width_height()[0] / 64
    missing = len(text) - len(printable)
    return width / _MEASURED_SIZE + missing * NUMBER_EMS


@lru_cache(maxsize=4)
def _load_font(name: str) -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont(name))
    font.set_size(_MEASURED_SIZE, 72)
    return font
