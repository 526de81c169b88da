"""Pictures of single characters: real digits and drawn operators.

All are uint8 [28, 28], white strokes on black.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gensweep.core.alphabet import ALPHABET
from gensweep.data._digit_arrays import SIZE
from gensweep.data._digits import read_digits

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

OPERATORS = "+-"
PICTURES_PER_OPERATOR = 500
"""As many as `mnist5k` has of each digit."""
DRAWING_SCALE = 6
"""Operators are drawn this much larger, then scaled down, which antialiases them."""
POINTS_PER_STROKE = 7


def draw_operators(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures of each operator, as if by many hands.

    Args:
        seed: decides positions, lengths, slants, bends and widths of the strokes.

    Returns:
        Pictures, uint8 [n, 28, 28], and for each the index of its character in `OPERATORS` [n].
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    pictures = []
    for sign in OPERATORS:
        for _ in range(PICTURES_PER_OPERATOR):
            pictures.append(_draw_operator(sign, rng))
    indices = np.arange(len(OPERATORS))
    signs = np.repeat(indices, PICTURES_PER_OPERATOR)
    return np.stack(pictures), signs


def _draw_operator(sign: str, rng: np.random.Generator) -> np.ndarray:
    """Draw one picture of an operator, uint8 [28, 28]."""
    from PIL import Image, ImageDraw

    side = SIZE * DRAWING_SCALE
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    # The order in which numbers are drawn from the generator decides every picture.
    offset = rng.normal(0, 0.7, 2).clip(-1.5, 1.5)
    centre = SIZE / 2 + offset
    slant = rng.normal(0, 0.08)
    half_length = rng.uniform(5.5, 9)
    width = rng.uniform(1.8, 3.6)
    angles = [0.0]
    if sign == "+":
        angles.append(math.pi / 2)
    for angle in angles:
        jitter = rng.normal(0, 0.5, 2).clip(-1, 1)
        _draw_stroke(
            pen,
            middle=centre + jitter,
            angle=angle + slant + rng.normal(0, 0.06),
            half_length=half_length * rng.uniform(0.85, 1.05),
            bend=rng.normal(0, 0.6),
            width=width * rng.uniform(0.9, 1.1),
        )
    # A triangle filter softens the edges as much as those of MNIST.
    small = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def _draw_stroke(
    pen: ImageDraw,
    middle: np.ndarray,
    angle: float,
    half_length: float,
    bend: float,
    width: float,
) -> None:
    """Draw a slightly bent line with round ends. Lengths are in pixels of the small picture."""
    along = np.linspace(-1, 1, POINTS_PER_STROKE)
    # A parabola along the first axis, then turned, moved and enlarged.
    across = bend * (1 - along**2)
    parabola = np.stack(
        [along * half_length, across],
        axis=1,
    )
    cos = math.cos(angle)
    sin = math.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    points = (parabola @ rotation + middle) * DRAWING_SCALE
    pen.line(
        [tuple(point) for point in points.tolist()],
        fill=255,
        width=round(width * DRAWING_SCALE),
    )
    radius = width * DRAWING_SCALE / 2
    for end in (points[0], points[-1]):
        corners = (*(end - radius), *(end + radius))
        pen.ellipse(corners, fill=255)


class Glyphs(NamedTuple):
    """Glyphs of a source of digits. The arrays are read-only, since all callers share them.

    Attributes:
        pictures: uint8 [G, 28, 28]: the blank, the operators, then the digits.
        codes: the code of each glyph's character in `ALPHABET`, uint8 [G].
        notes: as in `gensweep.core.dataset.DatasetArrays`.
        counts: as in `gensweep.core.dataset.DatasetArrays`.
    """

    pictures: np.ndarray
    codes: np.ndarray
    notes: tuple[str, ...]
    counts: dict[str, int]


@lru_cache(maxsize=2)
def load_glyphs(source: str) -> Glyphs:
    """Return the glyphs of a source of digits, with drawn operators and a blank for the space.

    Raises:
        DataError: as `gensweep.data._digits.read_digits`.
    """
    digits = read_digits(source)
    operators, signs = draw_operators(seed=0)
    blank = np.zeros((1, SIZE, SIZE), np.uint8)
    pictures = np.concatenate([blank, operators, digits.pictures])
    operator_codes = [ALPHABET.index(sign) for sign in OPERATORS]
    blank_codes = [ALPHABET.index(" ")]
    sign_codes = np.array(operator_codes)[signs]
    codes = np.concatenate([blank_codes, sign_codes, digits.labels])
    codes = codes.astype(np.uint8)
    pictures.flags.writeable = False
    codes.flags.writeable = False
    return Glyphs(
        pictures,
        codes,
        digits.notes,
        dict(digits.counts),
    )
