"""The colours of pixel art, and how many pixels of other pictures have one of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

COLOUR_BITS = 6
"""Bits of a channel by which colours are told apart in a palette: steps of 4 levels of 256."""
MIN_EQUAL_NEIGHBOURS = 0.5
PICTURES_LOOKED_AT = 500
"""Pictures that decide whether a dataset is pixel art."""
CHUNK_SIZE = 1000


def is_pixel_art(pictures: np.ndarray) -> bool:
    """Return whether pixels of pictures [n, 3, h, w] mostly equal their neighbour on the right."""
    some = pictures[:PICTURES_LOOKED_AT]
    has_equal_neighbour = (some[..., 1:] == some[..., :-1]).all(axis=1)
    return bool(has_equal_neighbour.mean() > MIN_EQUAL_NEIGHBOURS)


def collect_palette(pictures: np.ndarray) -> Tensor:
    """Return whether a colour is in uint8 pictures [n, 3, h, w], or next to one that is.

    Returns:
        Booleans [64, 64, 64], by the upper bits of red, green and blue.
    """
    colours = np.zeros((1 << COLOUR_BITS,) * 3, bool)
    for start in range(0, len(pictures), CHUNK_SIZE):
        chunk = pictures[start : start + CHUNK_SIZE]
        red, green, blue = np.moveaxis(chunk >> (8 - COLOUR_BITS), 1, 0)
        colours[red, green, blue] = True
    near = F.max_pool3d(
        torch.from_numpy(colours).float()[None], 3, stride=1, padding=1
    )
    return near[0] > 0


def measure_palette_shares(palette: Tensor, pictures: Tensor) -> Tensor:
    """Return the share of pixels of each picture [B, 3, h, w] in 0..1 in a palette [B]."""
    levels = (pictures * 255).round().clamp(0, 255).long()
    red, green, blue = (levels >> (8 - COLOUR_BITS)).unbind(dim=1)
    return palette[red, green, blue].float().mean(dim=(1, 2))
