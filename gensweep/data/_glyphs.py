"""Pictures of single characters: real digits, drawn operators. All uint8, white strokes on black, 28x28."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gensweep.core.alphabet import ALPHABET
from gensweep.data._digits import SIZE, read_digits

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

OPERATORS = "+-"
PICTURES_PER_OPERATOR = 500
"""Pictures of each operator: as many as `mnist5k` has of each digit."""
_SCALE = 6
"""Operators are drawn this much larger, then scaled down: that is the antialiasing."""


def draw_operators(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw `PICTURES_PER_OPERATOR` pictures of each operator, as by many hands.

    Args:
        seed: of the strokes' places, lengths, slants, bends and widths.

    Returns:
        Pictures, uint8 [n, 28, 28], and for each the index of its character in `OPERATORS` [n].
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    pictures = [_operator(sign, rng) for sign in OPERATORS for _ in range(PICTURES_PER_OPERATOR)]
    return np.stack(pictures), np.repeat(np.arange(len(OPERATORS)), PICTURES_PER_OPERATOR)


def _operator(sign: str, rng: np.random.Generator) -> np.ndarray:
    """One picture of an operator, uint8 [28, 28]."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (SIZE * _SCALE, SIZE * _SCALE))
    pen = ImageDraw.Draw(image)
    centre = SIZE / 2 + rng.normal(0, 0.7, 2).clip(-1.5, 1.5)
    slant, half, width = rng.normal(0, 0.08), rng.uniform(5.5, 9), rng.uniform(1.8, 3.6)
    for angle in (0, math.pi / 2) if sign == "+" else (0,):
        _stroke(
            pen,
            middle=centre + rng.normal(0, 0.5, 2).clip(-1, 1),
            angle=angle + slant + rng.normal(0, 0.06),
            half=half * rng.uniform(0.85, 1.05),
            bend=rng.normal(0, 0.6),
            width=width * rng.uniform(0.9, 1.1),
        )
    # A triangle filter softens the edges as much as MNIST's are.
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _stroke(
    pen: ImageDraw, middle: np.ndarray, angle: float, half: float, bend: float, width: float
) -> None:
    """Draw a slightly bent line with round ends; lengths in pixels of the small picture."""
    along = np.linspace(-1, 1, 7)
    across = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    points = (np.stack([along * half, bend * (1 - along**2)], axis=1) @ across + middle) * _SCALE
    pen.line([tuple(point) for point in points.tolist()], fill=255, width=round(width * _SCALE))
    for end in (points[0], points[-1]):
        pen.ellipse((*(end - width * _SCALE / 2), *(end + width * _SCALE / 2)), fill=255)


class Glyphs(NamedTuple):
    """Glyphs, read-only, since calls share them.

    Attributes:
        pictures: uint8 [G, 28, 28]: the blank, the operators, then the digits.
        codes: of each the code of its character in `ALPHABET`, uint8 [G].
        notes, counts: as `gensweep.core.dataset.DatasetArrays` has them.
    """

    pictures: np.ndarray
    codes: np.ndarray
    notes: tuple[str, ...]
    counts: dict[str, int]


@lru_cache(maxsize=2)
def load_glyphs(source: str) -> Glyphs:
    """Return every glyph of a source of digits, with drawn operators and a blank for the space.

    Raises:
        DataError: as `gensweep.data._digits.read_digits`.
    """
    known = read_digits(source)
    operators, signs = draw_operators(seed=0)
    pictures = np.concatenate([np.zeros((1, SIZE, SIZE), np.uint8), operators, known.pictures])
    sign_codes = np.array([ALPHABET.index(sign) for sign in OPERATORS])[signs]
    codes = np.concatenate([[ALPHABET.index(" ")], sign_codes, known.labels]).astype(np.uint8)
    pictures.flags.writeable = codes.flags.writeable = False
    return Glyphs(pictures, codes, known.notes, dict(known.counts))
