"""Mix the colours of a face: one palette each, from the tables of `colours.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from gensweep.data._avatars.art import read_letters, read_toml

SHADE_FACTORS = np.array([0.76, 0.70, 0.72])
"""Factors of red, green and blue in a shade: darker, and a little warmer."""
BARE_LIPS_OFFSET = np.array([70, 20, 25])
"""The difference between bare lips and skin. It is visible on light and dark skin alike."""
BARE_LIPS_PROBABILITY = 0.6
LIGHT_PATTERN_PROBABILITY = 0.5

Chance = dict[str, np.ndarray]
"""A trait -> random numbers in [0, 1), one for each face, [n]."""


@cache
def read_table(name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the colours of a table, 0 to 255 [n, 3], and their weights [n]."""
    weights = read_toml("colours.toml")["tables"][name]
    colours = np.stack([parse_colour(colour) for colour in weights])
    return colours, tuple(weights.values())


@cache
def read_fixed() -> dict[str, np.ndarray]:
    """Return the colours, 0 to 255 [3], of the letters that look the same on every face."""
    colours = read_toml("colours.toml")["fixed"]
    return {
        letter: parse_colour(colour) for letter, colour in colours.items()
    }


def parse_colour(colour: str) -> np.ndarray:
    """Return a colour such as ``#ffe4d0`` as numbers from 0 to 255, [3]."""
    levels = bytes.fromhex(colour.removeprefix("#"))
    return np.array(list(levels), float)


def pick(
    chance: np.ndarray,
    weights: Sequence[float],
) -> np.ndarray:
    """Return indices [n], each as likely as its weight, from numbers in [0, 1) [n]."""
    ends = np.cumsum(weights)
    shares = ends / ends[-1]
    return np.searchsorted(shares, chance, side="right")


def mix_palettes(chance: Chance) -> np.ndarray:
    """Mix every face's colours.

    Args:
        chance: numbers in [0, 1) [n] for each of the traits below.

    Returns:
        The colour of each letter, in the order of `read_letters`, uint8 [n, 25, 3].
    """

    def choose(name: str, trait: str) -> np.ndarray:
        """Return a colour of a table for each face, [n, 3]."""
        colours, weights = read_table(name)
        return colours[pick(chance[trait], weights)]

    skin = choose("skin", "skin")
    hair = choose("hair", "hair_colour")
    clothes = choose("clothes", "clothes_colour")
    hat = choose("clothes", "hat_colour")
    ground = choose("ground", "ground")
    lipstick = choose("lipstick", "lip_colour")
    has_light_pattern = chance["pattern_light"] < LIGHT_PATTERN_PROBABILITY
    tint = np.where(has_light_pattern, 255, 0)[:, None]
    has_bare_lips = (chance["lips"] < BARE_LIPS_PROBABILITY)[:, None]
    lips = np.where(
        has_bare_lips,
        0.6 * skin + BARE_LIPS_OFFSET,
        lipstick,
    )
    colours = {}
    for letter, colour in read_fixed().items():
        colours[letter] = np.broadcast_to(colour, skin.shape)
    colours |= {
        ".": ground,
        "B": 0.88 * ground + 0.12 * tint,
        "s": skin,
        "d": skin * SHADE_FACTORS,
        "l": 0.6 * skin + 0.4 * 255,
        "m": lips,
        "h": hair,
        "H": hair * SHADE_FACTORS,
        "e": choose("iris", "iris"),
        "c": clothes,
        "C": clothes * SHADE_FACTORS,
        "v": choose("clothes", "clothes_second"),
        "a": hat,
        "A": hat * SHADE_FACTORS,
        "b": choose("clothes", "hat_second"),
        "g": choose("frame", "frame"),
        "n": choose("lens", "lens"),
        "y": choose("jewel", "jewel"),
    }
    ordered = [colours[letter] for letter in read_letters()]
    palettes = np.stack(ordered, axis=1)
    return palettes.round().astype(np.uint8)
