"""The attributes of faces: what is seen of each of their features.

A part that is hidden by another one, as a mouth by a mask, is no attribute of the picture: nobody
can read it. So a part counts only if some of its cells are seen.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from gensweep.data._avatars.art import (
    GRID,
    read_layer,
    read_letters,
    read_toml,
)
from gensweep.data._avatars.colours import Chance, pick, read_table
from gensweep.data._avatars.faces import (
    LAYERS,
    choose_parts,
    compose,
    iter_chances,
    list_drawings,
)

MIN_CELLS = 2
"""Cells of a part, or of a colour, that must be seen; of a smaller part, all of it."""
HIDDEN = "none"
"""The value of an attribute of which nothing is seen."""
COLOURS = {
    "skin": ("skin", "skin", "sdl"),
    "hair_colour": ("hair", "hair_colour", "hH"),
    "clothes_colour": ("clothes", "clothes_colour", "cC"),
    "ground": ("ground", "ground", ".B"),
}
"""Attribute -> the table of its colours, the trait that picks one, and the letters that show it."""
COLOUR_GROUPS = {
    "skin": {
        "light": 3,
        "tan": 3,
        "brown": 3,
        "dark": 3,
        "green": 1,
        "blue": 1,
        "violet": 1,
    },
    "hair_colour": {
        "dark": 4,
        "brown": 2,
        "blond": 2,
        "red": 2,
        "grey": 2,
        "pink": 1,
        "blue": 1,
        "green": 1,
        "violet": 1,
    },
}
"""Attribute -> names of its colours, and how many of the table each stands for, in its order.

Neighbours in these tables differ so little that people would not tell them apart.
"""


class VisibleParts(NamedTuple):
    """The parts of a layer, as an attribute names them.

    Attributes:
        names: of all values; the first is that nothing is seen.
        codes: the value that stands for each part [parts]; 0 for an empty one.
        sizes: how many cells each part covers, if nothing hides it [parts].
    """

    names: tuple[str, ...]
    codes: np.ndarray
    sizes: np.ndarray


@cache
def _list_parts() -> dict[str, VisibleParts]:
    """Return the parts of each layer that has several."""
    listed = {}
    for name in LAYERS:
        layer = read_layer(name)
        if len(layer.names) == 1:
            continue
        covers = (layer.fronts > 0) | (layer.backs > 0)
        sizes = covers.sum(axis=(1, 2))
        codes = np.where(sizes > 0, np.cumsum(sizes > 0), 0)
        drawn = [layer.names[part] for part in np.flatnonzero(sizes)]
        listed[name] = VisibleParts((HIDDEN, *drawn), codes, sizes)
    return listed


def list_attributes() -> dict[str, tuple[str, ...]]:
    """Return the names of all values of each attribute; the first is that nothing is seen."""
    attributes = {
        layer: parts.names for layer, parts in _list_parts().items()
    }
    for attribute in COLOURS:
        attributes[attribute] = (HIDDEN, *_group_colours(attribute))
    return attributes


def _group_colours(attribute: str) -> dict[str, int]:
    """Return the names of an attribute's colours, and how many colours each stands for."""
    table = COLOURS[attribute][0]
    colours = read_toml("colours.toml")["tables"][table]
    return COLOUR_GROUPS.get(attribute, dict.fromkeys(colours, 1))


def label_faces(count: int, seed: int) -> np.ndarray:
    """Return the attributes of the faces 0 to ``count - 1`` of a seed.

    Returns:
        Indices into the values of `list_attributes`, uint8 [count, attributes].
    """
    labels = np.zeros((count, len(list_attributes())), np.uint8)
    for chunk, chance in iter_chances(count, seed):
        columns = [*_label_parts(chance), *_label_colours(chance)]
        labels[chunk] = np.stack(columns, axis=1)
    return labels


def _label_parts(chance: Chance) -> list[np.ndarray]:
    """Return the visible part of each layer, [n] each."""
    chosen = choose_parts(chance)
    count = len(chance["hat"])
    # The layer that is seen in each cell, by its number in `LAYERS`.
    owners = np.full((count, GRID, GRID), len(LAYERS), np.uint8)
    for layer, parts in list_drawings():
        is_drawn = parts[chosen[layer]] > 0
        owners[is_drawn] = LAYERS.index(layer)
    columns = []
    for layer, parts in _list_parts().items():
        cells = (owners == LAYERS.index(layer)).sum(axis=(1, 2))
        # A mole is one cell, and is seen all the same.
        needed = np.minimum(parts.sizes, MIN_CELLS)[chosen[layer]]
        values = parts.codes[chosen[layer]]
        columns.append(np.where(cells >= needed, values, 0))
    return columns


def _label_colours(chance: Chance) -> list[np.ndarray]:
    """Return the visible colour of each attribute of `COLOURS`, [n] each."""
    slots = compose(chance)
    letters = read_letters()
    columns = []
    for attribute, (table, trait, shown_by) in COLOURS.items():
        _, weights = read_table(table)
        group_sizes = list(_group_colours(attribute).values())
        group_of_colour = np.repeat(np.arange(len(group_sizes)), group_sizes)
        shown_slots = [letters[letter] for letter in shown_by]
        cells = np.isin(slots, shown_slots).sum(axis=(1, 2))
        values = group_of_colour[pick(chance[trait], weights)] + 1
        columns.append(np.where(cells >= MIN_CELLS, values, 0))
    return columns
