"""Letters of every script in figures: from another font of this machine, or else by their number."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

MAIN_FONT = "DejaVu Sans"
"""The font that comes with matplotlib, and that every figure has."""
_NO_FONT = "Last Resort"
"""Begins the name of the font that draws a box for every letter."""


def choose_families(texts: Iterable[str]) -> list[str]:
    """Return the fonts that figures with these texts need: the main one, and others for letters that it lacks."""
    missing = frozenset(
        char
        for text in texts
        for char in text
        if not char.isascii() and ord(char) not in _get_code_points(MAIN_FONT)
    )
    return [MAIN_FONT, *_others(missing)] if missing else [MAIN_FONT]


def make_legible(text: str) -> str:
    """Return text in letters that the fonts of the figure have, others as in ``[U+8096]``; lines stay."""
    if text.isascii():
        return text
    from matplotlib import rcParams

    names = [name for name in rcParams["font.family"] if name != "sans-serif"] or [MAIN_FONT]
    known = set().union(*(_get_code_points(name) for name in names))
    return "".join(
        char if char.isascii() or ord(char) in known else f"[U+{ord(char):04X}]" for char in text
    )


@lru_cache(maxsize=16)
def _get_code_points(name: str) -> frozenset[int]:
    """Return the code points that a font has."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(name)).get_charmap())


@lru_cache(maxsize=16)
def _others(missing: frozenset[str]) -> list[str]:
    """Return fonts of this machine that have some of these letters: the one with most of them first."""
    from matplotlib.font_manager import fontManager, get_font

    having: dict[str, set[int]] = {}
    for entry in sorted(fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        if entry.style != "normal" or entry.name.startswith(_NO_FONT) or entry.name in having:
            continue
        try:
            font = get_font(entry.fname)
            has = (
                {ord(char) for char in missing if font.get_char_index(ord(char))}
                if font.scalable
                else set()
            )
        except (OSError, RuntimeError):  # gone since it was listed, or no font that can be read
            continue
        if has:
            having[entry.name] = has
    found, left = [], set(map(ord, missing))
    while having and left:
        best = max(having, key=lambda name: len(having[name] & left))
        if not having[best] & left:
            break
        found.append(best)
        left -= having.pop(best)
    return found
