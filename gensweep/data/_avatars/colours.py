"""The colours of a face: one palette each, from a few tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gensweep.data._avatars.art import LETTERS

SKINS = (
    "ffe4d0 fbd7bd f5c9a5 eab78f dfa37a cf9166 ba7d52 a56a43 8f5836 77462a 653c24 54301e"
    " a9c47f 8fb8d8 c3a5dc"  # not from here
)
SKIN_WEIGHTS = (5,) * 12 + (1, 1, 1)
HAIRS = (
    "1f1a1c 33241f 4d3023 6e4428 8f5a2e b98545 d9b25f f0dc96 a63d1f d4602a 8d8d92 e8e8ea"
    " d84f8f 4b6fd1 3f9d6e 8a4fc0"  # dyed
)
HAIR_WEIGHTS = (4, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1)
LIPS = "b5475a c9304a 8e2f4f d9748a 7a3b3b 5b2a5e"
IRISES = "4a2f1b 6b4a24 3d7a4a 3f7fbf 6a8fa8 2f2f3a 8a6bd0"
CLOTHES = "d94a3d e8893a f2c744 5aa55a 2f7f7a 3f7fc4 34508f 7a55a8 d86a9a 8a5a3c f0ece0 4a4f57 22252b a8c8e8"
FRAMES = "1c1a1f 5a3a22 c2382f d8b23a e8e4dc 3457a0 7c4f9e"
LENSES = "23262e 3a4f8a 8a3f55 4f8a6a c98a2e 7fb8d8"
JEWELS = "f2c83a e0e6ee e0485a 58c4d8 7fd07a"
GROUNDS = (
    "6b8a99 8fb0c4 a9c9a4 e6c9a8 d9a5a0 b9a7cf f0e2b6 7fa59a c98f6b 5f6f8f e8b9c4 c9d3d9 93b86a 4f5560 f2b86a 9fd0cc"
)
FIXED = {"o": "1d1720", "M": "5a1f28", "t": "fbf7ee", "w": "ffffff", "p": "17141a", "r": "e0484f", "f": "f8f6f0"}

_SHADE = np.array([0.76, 0.70, 0.72])
"""Shades are darker and a little warmer."""
_BLOOD = np.array([70, 20, 25])
"""What bare lips add to the skin's colour: they show on light and dark skin alike."""


def _rgb(colours: str) -> np.ndarray:
    """Colours as numbers in 0..255, [n, 3]."""
    return np.array([list(bytes.fromhex(colour)) for colour in colours.split()], float)


def pick(chance: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Indices [n], each as likely as its weight, from numbers in [0, 1) [n]."""
    ends = np.cumsum(weights)
    return np.searchsorted(ends / ends[-1], chance, side="right")


def mix_palettes(chance: dict[str, np.ndarray]) -> np.ndarray:
    """Mix every face's colours.

    Args:
        chance: numbers in [0, 1) [n] for each of the traits below.

    Returns:
        The colour of each of `LETTERS`, uint8 [n, 25, 3].
    """

    def table(trait: str, colours: str, weights: Sequence[float] | None = None) -> np.ndarray:
        rgb = _rgb(colours)
        return rgb[pick(chance[trait], weights or (1,) * len(rgb))]

    skin, hair = table("skin", SKINS, SKIN_WEIGHTS), table("hair_colour", HAIRS, HAIR_WEIGHTS)
    clothes, hat = table("clothes_colour", CLOTHES), table("hat_colour", CLOTHES)
    ground, lipstick = table("ground", GROUNDS), table("lip_colour", LIPS)
    tint = np.where(chance["pattern_light"] < 0.5, 255, 0)[:, None]
    colours = {
        **{letter: np.broadcast_to(_rgb(colour), skin.shape) for letter, colour in FIXED.items()},
        ".": ground,
        "B": 0.88 * ground + 0.12 * tint,
        "s": skin,
        "d": skin * _SHADE,
        "l": 0.6 * skin + 0.4 * 255,
        "m": np.where((chance["lips"] < 0.6)[:, None], 0.6 * skin + _BLOOD, lipstick),
        "h": hair,
        "H": hair * _SHADE,
        "e": table("iris", IRISES),
        "c": clothes,
        "C": clothes * _SHADE,
        "v": table("clothes_second", CLOTHES),
        "a": hat,
        "A": hat * _SHADE,
        "b": table("hat_second", CLOTHES),
        "g": table("frame", FRAMES),
        "n": table("lens", LENSES),
        "y": table("jewel", JEWELS),
    }
    return np.stack([colours[letter] for letter in LETTERS], axis=1).round().astype(np.uint8)
