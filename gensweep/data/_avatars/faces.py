"""Faces as chance mixes them: the traits, the parts of each layer, and how they are composed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from gensweep.data._avatars.art import GRID, Layer, draw_patterns, read_layer
from gensweep.data._avatars.colours import Chance, mix_palettes, pick

SIZE = 64
"""Height and width of a face in pixels."""
HAT_PROBABILITY = 0.3
BEARD_PROBABILITY = 0.3
MIRROR_PROBABILITY = 0.5
FACES_PER_CHUNK = 512
"""Faces that are composed at a time, so that their canvases stay in the processor's cache."""
_SEED_TAG = 2
"""Makes the random numbers differ from those of the permutation with the same seed."""

LAYERS = (
    "clothes",
    "skull",
    "jaw",
    "mark",
    "eyes",
    "brows",
    "nose",
    "beard",
    "mouth",
    "earrings",
    "hair",
    "under_hat",
    "glasses",
    "extra",
    "ornament",
    "hat",
)
"""The layers of a face, from back to front: one file each in `_avatars/parts`.

If a layer can be ruled out, its first part is empty.
"""

TRAITS = (
    *LAYERS,
    "pattern",
    "pattern_light",
    "mirror",
    "hatted",
    "bearded",
    "ground",
    "skin",
    "hair_colour",
    "lips",
    "lip_colour",
    "iris",
    "clothes_colour",
    "clothes_second",
    "hat_colour",
    "hat_second",
    "frame",
    "lens",
    "jewel",
)
"""The traits that chance decides, by one number each.

To reorder or to add one changes every face: raise `Avatars.numerics`.
"""


def draw_faces(count: int, seed: int) -> np.ndarray:
    """Draw the faces 0 to ``count - 1`` of a seed, uint8 [count, 3, 64, 64]."""
    cell = SIZE // GRID
    shape = (count, 3, GRID, cell, GRID, cell)
    pictures = np.empty(shape, np.uint8)
    for chunk, chance in iter_chances(count, seed):
        slots = compose(chance).reshape(-1, GRID * GRID)
        palettes = mix_palettes(chance)
        for channel in range(3):
            colours = np.take_along_axis(
                palettes[:, :, channel],
                slots,
                axis=1,
            )
            # The two axes of length 1 are repeated: that makes each cell two pixels wide.
            pictures[chunk, channel] = colours.reshape(
                -1,
                GRID,
                1,
                GRID,
                1,
            )
    return pictures.reshape(count, 3, SIZE, SIZE)


def iter_chances(count: int, seed: int) -> Iterator[tuple[slice, Chance]]:
    """Yield the random numbers of some faces at a time, and which faces they are.

    They are those of the faces 0 to ``count - 1`` of a seed, for each of `TRAITS`.
    """
    bits = np.random.PCG64([seed, _SEED_TAG])
    rng = np.random.Generator(bits)
    # Row after row, so that face i takes the same numbers however many follow.
    numbers = rng.random((count, len(TRAITS)))
    for start in range(0, count, FACES_PER_CHUNK):
        chunk = slice(start, start + FACES_PER_CHUNK)
        yield chunk, dict(zip(TRAITS, numbers[chunk].T, strict=True))


def choose_parts(chance: Chance) -> dict[str, np.ndarray]:
    """Choose the part of each layer for every face.

    Args:
        chance: numbers in [0, 1) [n], for each of `TRAITS`.

    Returns:
        Indices of parts [n], for each layer; 0, an empty part, if another trait rules the layer
        out.
    """
    chosen = {}
    for name in LAYERS:
        weights = read_layer(name).weights
        chosen[name] = pick(chance[name], weights)
    has_hat = chance["hatted"] < HAT_PROBABILITY
    has_beard = chance["bearded"] < BEARD_PROBABILITY
    conditions = {
        "hat": has_hat,
        "under_hat": has_hat,
        "hair": ~has_hat,
        "ornament": ~has_hat,
        "beard": has_beard,
    }
    for name, condition in conditions.items():
        chosen[name] = np.where(condition, chosen[name], 0)
    return chosen


def compose(chance: Chance) -> np.ndarray:
    """Draw the chosen parts over each other.

    Args:
        chance: numbers in [0, 1) [n], for each of `TRAITS`.

    Returns:
        Palette slots of every face, uint8 [n, 32, 32].
    """
    patterns = draw_patterns()
    equal_weights = (1,) * len(patterns)
    slots = patterns[pick(chance["pattern"], equal_weights)]
    chosen = choose_parts(chance)
    for name, parts in list_drawings():
        drawing = parts[chosen[name]]
        np.copyto(slots, drawing, where=drawing > 0)
    is_mirrored = chance["mirror"] < MIRROR_PROBABILITY
    slots[is_mirrored] = slots[is_mirrored, :, ::-1]
    return slots


@cache
def list_drawings() -> list[tuple[str, np.ndarray]]:
    """Return each layer's drawings of parts, uint8 [parts, 32, 32], from back to front.

    All backs come first: they hang down behind head and body.
    """
    layers: dict[str, Layer] = {name: read_layer(name) for name in LAYERS}
    drawings = []
    for name, layer in layers.items():
        if layer.backs.any():
            drawings.append((name, layer.backs))
    for name, layer in layers.items():
        drawings.append((name, layer.fronts))
    return drawings
