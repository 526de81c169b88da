"""The pictures that a point trains on, as metrics of samples compare with them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.core.dataset import DatasetArrays
from gensweep.train.palette import (
    collect_palette,
    is_pixel_art,
    measure_palette_shares,
)

FIELD = "picture"
THUMBNAIL_SIDE = 16
"""Pixels a side in which distances of pictures are measured."""
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
        self.is_pixel_art = is_pixel_art(pictures)
        parts = []
        for start in range(0, len(pictures), CHUNK_SIZE):
            chunk = pictures[start : start + CHUNK_SIZE]
            parts.append(_shrink(torch.from_numpy(chunk / np.float32(255))))
        self.register_buffer("thumbnails", torch.cat(parts), persistent=False)
        # A photograph has nearly every colour.
        pixel_art = pictures if self.is_pixel_art else pictures[:0]
        self.register_buffer(
            "palette", collect_palette(pixel_art), persistent=False
        )

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
        return measure_palette_shares(self.palette, pictures)


def load_training_pictures(prepared: DatasetArrays) -> TrainingPictures:
    """Return the pictures of the training rows, which `prepared.split` names."""
    return TrainingPictures(prepared.rows[FIELD][prepared.split["train"]])


def _shrink(pictures: Tensor) -> Tensor:
    """Return pictures [B, 3, h, w] in 0..1 as flat thumbnails [B, 768]."""
    return F.adaptive_avg_pool2d(pictures, THUMBNAIL_SIDE).flatten(1)
