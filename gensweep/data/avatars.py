"""A set of pixel-art faces, drawn on demand."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator

from gensweep.core.config import Data, param
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.registries import DATASETS
from gensweep.data._avatars.art import GRID, draw_patterns, read_layer
from gensweep.data._avatars.colours import mix_palettes, pick
from gensweep.data._copies import drop_copies
from gensweep.data._split import check_split

SIZE, COUNT = 64, 10_000
HATTED, BEARDED = 0.3, 0.3
_SEED_TAG = 2
"""Keeps the faces apart from the permutation of the same seed."""
_CHUNK = 512
"""Faces composed at once: their canvases stay in the cache."""

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
"""What a face is made of, from back to front: one file each in `_avatars/parts`.

Where a layer can be ruled out, its first part is nothing.
"""

TRAITS = (
    *LAYERS,
    *(
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
    ),
    *(
        "iris",
        "clothes_colour",
        "clothes_second",
        "hat_colour",
        "hat_second",
        "frame",
        "lens",
        "jewel",
    ),
)
"""What chance decides, by a number each. To reorder or to add one changes every face: raise `Avatars.numerics`."""


@DATASETS("avatars")
class Avatars(Data):
    """Pixel-art faces in colour: skins, jaws, hair, beards, hats, glasses, jewels and clothes, mixed by chance.

    Source: drawn from the parts in `gensweep/data/_avatars/parts` on a 32x32 grid, each cell two pixels wide.
    Face i depends on `data_seed` and i alone, so a larger set begins with the smaller one.

    - `picture`: uint8 [count, 3, 64, 64].
    """

    name: ClassVar[str] = "avatars"
    kind: ClassVar[str] = "pictures"
    fixed: ClassVar = (
        COUNT,
        (3, SIZE, SIZE),
        "a238a4724373fc262deed9902bacd9c7c641d96772331172091f78943ca73919",
    )

    count: int = param(COUNT, "how many faces", ge=20)
    data_seed: int = param(0, "which faces", ge=0)

    @model_validator(mode="after")
    def _leaves_examples(self) -> Self:
        check_split(self.count, self.train_fraction)
        return self

    def prepare(self) -> DatasetArrays:
        """Draw the faces."""
        faces, counts, notes = drop_copies(draw_faces(self.count, self.data_seed))
        return DatasetArrays(
            {"picture": faces}, split_rows(len(faces), self.split_seed), notes=notes, counts=counts
        )


def draw_faces(count: int, seed: int) -> np.ndarray:
    """Faces 0 to ``count - 1`` of a seed, uint8 [count, 3, 64, 64]."""
    # Row after row, so that face i takes the same numbers however many follow.
    numbers = np.random.Generator(np.random.PCG64([seed, _SEED_TAG])).random((count, len(TRAITS)))
    pictures = np.empty((count, 3, GRID, SIZE // GRID, GRID, SIZE // GRID), np.uint8)
    for start in range(0, count, _CHUNK):
        chance = dict(zip(TRAITS, numbers[start : start + _CHUNK].T, strict=True))
        slots = compose(chance).reshape(-1, GRID * GRID)
        palettes = mix_palettes(chance)
        for channel in range(3):
            cells = np.take_along_axis(palettes[:, :, channel], slots, axis=1)
            pictures[start : start + _CHUNK, channel] = cells.reshape(-1, GRID, 1, GRID, 1)
    return pictures.reshape(count, 3, SIZE, SIZE)


def choose_parts(chance: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Which part of each layer every face has [n]; 0, nothing, where another trait rules the layer out."""
    chosen = {name: pick(chance[name], read_layer(name).weights) for name in LAYERS}
    hatted, bearded = chance["hatted"] < HATTED, chance["bearded"] < BEARDED
    worn = {
        "hat": hatted,
        "under_hat": hatted,
        "hair": ~hatted,
        "ornament": ~hatted,
        "beard": bearded,
    }
    return chosen | {name: np.where(where, chosen[name], 0) for name, where in worn.items()}


def compose(chance: dict[str, np.ndarray]) -> np.ndarray:
    """Lay the chosen parts over each other.

    Args:
        chance: numbers in [0, 1) [n], for each of `TRAITS`.

    Returns:
        Palette slots of every face, uint8 [n, 32, 32].
    """
    patterns = draw_patterns()
    slots = patterns[pick(chance["pattern"], (1,) * len(patterns))]
    chosen = choose_parts(chance)
    layers = {name: read_layer(name) for name in LAYERS}
    drawings = [(layer.backs, name) for name, layer in layers.items() if layer.backs.any()]
    drawings += [(layer.fronts, name) for name, layer in layers.items()]
    for parts, name in drawings:
        drawing = parts[chosen[name]]
        np.copyto(slots, drawing, where=drawing > 0)
    mirrored = chance["mirror"] < 0.5
    slots[mirrored] = slots[mirrored, :, ::-1]
    return slots
