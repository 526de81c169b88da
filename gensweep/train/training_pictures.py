"""The pictures that a point trains on, as metrics of samples compare with them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.core.dataset import DatasetArrays

FIELD = "picture"
THUMBNAIL_SIDE = 16
"""Pixels a side in which distances of pictures are measured."""
COLOUR_BITS = 6
"""Bits of a channel by which colours are told apart in a palette: steps of 4 levels of 256."""
MIN_EQUAL_NEIGHBOURS = 0.5
PICTURES_LOOKED_AT = 500
"""Pictures that decide whether a dataset is pixel art."""
CHUNK_SIZE = 1000


class TrainingPictures(nn.Module):
    """The training pictures, as metrics need them.

    Args:
        pictures: uint8 [n, 3, h, w].

    Attributes:
        is_pixel_art: whether pixels mostly equal their neighbour on the right.
        thumbnails: every picture at 16x16 pixels [n, 768].
        palette: whether a colour is in the pictures, or next to one that is [64, 64, 64].
    """

    thumbnails: Tensor
    palette: Tensor

    def __init__(self, pictures: np.ndarray) -> None:
        super().__init__()
        some = pictures[:PICTURES_LOOKED_AT]
        has_equal_neighbour = (some[..., 1:] == some[..., :-1]).all(axis=1)
        self.is_pixel_art = bool(
            has_equal_neighbour.mean() > MIN_EQUAL_NEIGHBOURS
        )
        parts = []
        colours = np.zeros((1 << COLOUR_BITS,) * 3, bool)
        for start in range(0, len(pictures), CHUNK_SIZE):
            chunk = pictures[start : start + CHUNK_SIZE]
            parts.append(_shrink(torch.from_numpy(chunk / np.float32(255))))
            if self.is_pixel_art:
                red, green, blue = np.moveaxis(chunk >> (8 - COLOUR_BITS), 1, 0)
                colours[red, green, blue] = True
        self.register_buffer("thumbnails", torch.cat(parts), persistent=False)
        near = F.max_pool3d(
            torch.from_numpy(colours).float()[None], 3, stride=1, padding=1
        )
        self.register_buffer("palette", near[0] > 0, persistent=False)

    def measure_distances(self, pictures: Tensor) -> Tensor:
        """Return the distance of each picture [B, 3, h, w] to the nearest training picture [B].

        Distances are root mean squares over the pixels and channels of thumbnails.
        """
        distances = torch.cdist(_shrink(pictures.float()), self.thumbnails)
        return distances.amin(dim=1) / self.thumbnails.shape[1] ** 0.5

    def measure_palette_shares(self, pictures: Tensor) -> Tensor:
        """Return the share of each picture's pixels whose colour is in the palette [B].

        It is NaN if the pictures are no pixel art.
        """
        if not self.is_pixel_art:
            return pictures.new_full((len(pictures),), float("nan"))
        levels = (pictures * 255).round().clamp(0, 255).long() >> (
            8 - COLOUR_BITS
        )
        red, green, blue = levels.unbind(dim=1)
        return self.palette[red, green, blue].float().mean(dim=(1, 2))


def load_training_pictures(prepared: DatasetArrays) -> TrainingPictures:
    """Return the pictures of the training rows, which `prepared.split` names."""
    return TrainingPictures(prepared.rows[FIELD][prepared.split["train"]])


def _shrink(pictures: Tensor) -> Tensor:
    """Return pictures [B, 3, h, w] in 0..1 as flat thumbnails [B, 768]."""
    return F.adaptive_avg_pool2d(pictures, THUMBNAIL_SIDE).flatten(1)
