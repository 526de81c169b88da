"""How the parts of a face are written down: rows of letters, one a cell of a 32x32 grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GRID = 32
LETTERS = ".osdlhHmMtwepcCvaAbgnyrBf"
"""What a cell shows; `.` nothing. The colours are in `gensweep.data._avatar_colours`.

o outline; s skin, d its shade, l its light; h hair, H its shade; m lips, M inside of the mouth,
t teeth; w white of the eye, e iris, p pupil; c clothes, C their shade, v their second colour;
a hat, A its shade, b its band; g frame of the glasses, n lens; y jewel; r blush; B pattern of the
background; f white.
"""


class Part(NamedTuple):
    """One way that a feature can look.

    Attributes:
        weight: how often it is chosen, against the other parts of its layer.
        top: grid row of the first line.
        rows: lines of `LETTERS`. A line is the left half of a row and ends at the middle of the face;
            its mirror image is the right half, unless `|` separates the two.
        back: what lies behind head and body, as (top, rows).
    """

    weight: float
    top: int = 0
    rows: str = ""
    back: tuple[int, str] = (0, "")


def draw(top: int, rows: str) -> np.ndarray:
    """Colour slots of a drawing, uint8 [32, 32]; 0 where it shows nothing.

    Raises:
        ValueError: a line is too wide, or has a letter that means nothing.
    """
    slots = np.zeros((GRID, GRID), np.uint8)
    for row, line in enumerate(rows.split(), start=top):
        left, bar, right = line.partition("|")
        right = right if bar else left[::-1]
        for start, half in ((GRID // 2 - len(left), left), (GRID // 2, right)):
            slots[row, start : start + len(half)] = [LETTERS.index(letter) for letter in half]
    return slots


def draw_layer(parts: tuple[Part, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Every part of a layer: fronts and backs, uint8 [parts, 32, 32] each."""
    fronts = np.stack([draw(part.top, part.rows) for part in parts])
    backs = np.stack([draw(*part.back) for part in parts])
    return fronts, backs
