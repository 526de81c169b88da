"""How the parts of a face are written down: lines of letters, one a cell of a 32x32 grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GRID = 32
LETTERS = ".osdlhHmMtwepcCvaAbgnyrBf"
"""What a cell shows; its index is the slot in a face's palette.

`.` nothing (the background); o outline; s skin, d its shade, l its light; h hair, H its shade; m lips,
M inside of the mouth, t teeth; w white of the eye, e iris, p pupil; c clothes, C their shade, v their
second colour; a hat, A its shade, b its second colour; g frame of the glasses, n lens; y jewel; r red;
B pattern of the background; f white.
"""


class Part(NamedTuple):
    """One way that a feature can look.

    Attributes:
        weight: how often it is chosen, against the other parts of its layer.
        top: grid row of the first line.
        lines: letters, one line a row. A line is the left half of a row and ends at the middle of the
            face; its mirror image is the right half, unless `|` separates the two.
        back_top, back: the same, for what hangs down behind head and body.
    """

    weight: float
    top: int = 0
    lines: str = ""
    back_top: int = 0
    back: str = ""


def draw(top: int, lines: str) -> np.ndarray:
    """Slots of a drawing, uint8 [32, 32]; 0 where it shows nothing."""
    slots = np.zeros((GRID, GRID), np.uint8)
    for row, line in enumerate(lines.split(), start=top):
        left, bar, right = line.partition("|")
        right = right if bar else left[::-1]
        start = GRID // 2 - len(left)
        slots[row, start : start + len(left) + len(right)] = [LETTERS.index(letter) for letter in left + right]
    return slots


def draw_layer(parts: tuple[Part, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Every part of a layer: fronts and backs, uint8 [parts, 32, 32] each."""
    fronts = np.stack([draw(part.top, part.lines) for part in parts])
    backs = np.stack([draw(part.back_top, part.back) for part in parts])
    return fronts, backs


def draw_patterns() -> np.ndarray:
    """Backgrounds in two colours, slot 0 and `B`: uint8 [9, 32, 32], the first four plain."""
    row, column = np.indices((GRID, GRID))
    across, down = column - 15.5, row - 15.5
    plain = np.zeros((GRID, GRID), bool)
    patterns = [
        *[plain] * 4,
        row >= 21,
        row // 4 % 2 == 1,
        (row + column) // 4 % 2 == 1,
        across**2 + down**2 < 14.5**2,
        (row % 6 < 2) & ((column + row // 6 * 3) % 6 < 2),
    ]
    return np.stack(patterns).astype(np.uint8) * LETTERS.index("B")
