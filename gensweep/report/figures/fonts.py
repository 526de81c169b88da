"""Letters of every script in figures: drawn in another font of this machine, or by their number."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

MAIN_FONT = "DejaVu Sans"
"""The font that comes with matplotlib, and that every figure has."""
_BOX_FONT_PREFIX = "Last Resort"
"""Start of the name of a font that draws a box for every letter."""


def choose_families(texts: Iterable[str]) -> list[str]:
    """Return the fonts for figures with these texts: the main one, then fonts for other letters."""
    missing = set()
    for text in texts:
        for char in text:
            if not char.isascii() and ord(char) not in _get_code_points(
                MAIN_FONT
            ):
                missing.add(char)
    if not missing:
        return [MAIN_FONT]
    return [MAIN_FONT, *_find_fonts_for(frozenset(missing))]


def make_legible(text: str) -> str:
    """Replace each letter that the figure's fonts lack by its number, as ``[U+8096]``."""
    if text.isascii():
        return text
    from matplotlib import rcParams

    names = [
        name for name in rcParams["font.family"] if name != "sans-serif"
    ] or [MAIN_FONT]
    available: set[int] = set()
    for name in names:
        available |= _get_code_points(name)
    letters = []
    for char in text:
        if char.isascii() or ord(char) in available:
            letters.append(char)
        else:
            letters.append(f"[U+{ord(char):04X}]")
    return "".join(letters)


@lru_cache(maxsize=16)
def _get_code_points(name: str) -> frozenset[int]:
    """Return the code points that a font has."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(name)).get_charmap())


@lru_cache(maxsize=16)
def _find_fonts_for(missing: frozenset[str]) -> list[str]:
    """Return fonts of this machine that have some of these letters, the most useful one first."""
    coverage = _find_coverage(missing)
    fonts, uncovered = [], set(map(ord, missing))
    # Greedy set cover: each round takes the font with the most letters that still have none.
    while coverage and uncovered:
        best = max(coverage, key=lambda name: len(coverage[name] & uncovered))
        if not coverage[best] & uncovered:
            break
        fonts.append(best)
        uncovered -= coverage.pop(best)
    return fonts


def _find_coverage(missing: frozenset[str]) -> dict[str, set[int]]:
    """Return font -> those of the code points that it has; fonts with none are left out."""
    from matplotlib.font_manager import fontManager, get_font

    coverage: dict[str, set[int]] = {}
    # Sorted, so that the same machine always chooses the same fonts.
    for entry in sorted(
        fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)
    ):
        if entry.style != "normal" or entry.name.startswith(_BOX_FONT_PREFIX):
            continue
        if entry.name in coverage:
            continue
        try:
            font = get_font(entry.fname)
            if not font.scalable:
                continue
            code_points = {
                ord(char)
                for char in missing
                if font.get_char_index(ord(char))
            }
        except (OSError, RuntimeError):
            # Removed since matplotlib listed it, or not a font that can be read.
            continue
        if code_points:
            coverage[entry.name] = code_points
    return coverage
