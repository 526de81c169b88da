"""Mix the colours of a face: one palette each, from the tables of `colours.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from gensweep.data._avatars.art import read_letters, read_toml

_SHADE = np.array([0.76, 0.70, 0.72])
"""Shades are darker and a little warmer."""
_BLOOD = np.array([70, 20, 25])
"""What bare lips add to the skin's colour: they show on light and dark skin alike."""


@cache
def read_table(name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the colours of a table, 0 to 255 [n, 3], and their weights [n]."""
    weights = read_toml("colours.toml")["tables"][name]
    return np.stack([parse_colour(colour) for colour in weights]), tuple(weights.values())


@cache
def read_fixed() -> dict[str, np.ndarray]:
    """Return the colours, 0 to 255 [3], of the letters that look the same on every face."""
    return {
        letter: parse_colour(colour)
        for letter, colour in read_toml("colours.toml")["fixed"].items()
    }


def parse_colour(colour: str) -> np.ndarray:
    """Return a colour such as ``#ffe4d0`` as numbers from 0 to 255, [3]."""
    return np.array(list(bytes.fromhex(colour.removeprefix("#"))), float)


def pick(chance: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return indices [n], each as likely as its weight, from numbers in [0, 1) [n]."""
    ends = np.cumsum(weights)
    return np.searchsorted(ends / ends[-1], chance, side="right")


def mix_palettes(chance: dict[str, np.ndarray]) -> np.ndarray:
    """Mix every face's colours.

    Args:
        chance: numbers in [0, 1) [n] for each of the traits below.

    Returns:
        The colour of each letter, in the order of `read_letters`, uint8 [n, 25, 3].
    """

    def choose(name: str, trait: str) -> np.ndarray:
        colours, weights = read_table(name)
        return colours[pick(chance[trait], weights)]

    skin, hair = choose("skin", "skin"), choose("hair", "hair_colour")
    clothes, hat = choose("clothes", "clothes_colour"), choose("clothes", "hat_colour")
    ground, lipstick = choose("ground", "ground"), choose("lipstick", "lip_colour")
    tint = np.where(chance["pattern_light"] < 0.5, 255, 0)[:, None]
    colours = {
        **{letter: np.broadcast_to(colour, skin.shape) for letter, colour in read_fixed().items()},
        ".": ground,
        "B": 0.88 * ground + 0.12 * tint,
        "s": skin,
        "d": skin * _SHADE,
        "l": 0.6 * skin + 0.4 * 255,
        "m": np.where((chance["lips"] < 0.6)[:, None], 0.6 * skin + _BLOOD, lipstick),
        "h": hair,
        "H": hair * _SHADE,
        "e": choose("iris", "iris"),
        "c": clothes,
        "C": clothes * _SHADE,
        "v": choose("clothes", "clothes_second"),
        "a": hat,
        "A": hat * _SHADE,
        "b": choose("clothes", "hat_second"),
        "g": choose("frame", "frame"),
        "n": choose("lens", "lens"),
        "y": choose("jewel", "jewel"),
    }
    return np.stack([colours[letter] for letter in read_letters()], axis=1).round().astype(np.uint8)
