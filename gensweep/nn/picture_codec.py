"""Stride-2 convolution stages from a picture to a vector and back (Radford et al. 2016 without batch statistics)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gensweep.nn.conv import ConvDown, ConvToRGB, ConvUp, Flatten, Unflatten

PICTURE_SIZE = 64
CHANNELS = 3


class PictureEncoder(nn.Module):
    """Stages of 3x3 convolutions that halve the picture, then one dense layer.

    Args:
        layers: stages; the picture is 64 / 2^layers wide after them.
        filters: channels of every stage.
        outputs: size of the vector.
        slope: of the leaky ReLU; 0 is the plain one.
    """

    def __init__(self, layers: int, filters: int, outputs: int, slope: float = 0.0) -> None:
        super().__init__()
        sizes = [CHANNELS] + [filters] * layers
        stages = (ConvDown(inside, outside, slope) for inside, outside in pairwise(sizes))
        self.stages = nn.Sequential(*stages, Flatten())
        self.output = nn.Linear(filters * (PICTURE_SIZE >> layers) ** 2, outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Vectors [B, outputs], float32, of pictures [B, 3, 64, 64]."""
        return self.output(self.stages(pictures)).float()


class PictureDecoder(nn.Module):
    """One dense layer, stages of transposed 3x3 convolutions that double the picture, a 3x3 convolution to colours.

    Args:
        inputs: size of the vector.
        layers, filters: as for `PictureEncoder`.
    """

    def __init__(self, inputs: int, layers: int, filters: int) -> None:
        super().__init__()
        side = PICTURE_SIZE >> layers
        self.input = nn.Linear(inputs, filters * side**2)
        stages = (ConvUp(filters, filters) for _ in range(layers))
        self.stages = nn.Sequential(nn.ReLU(), Unflatten(filters, side, side), *stages)
        self.output = ConvToRGB(filters, CHANNELS)

    def forward(self, latent: Tensor) -> Tensor:
        """Logits [B, 3, 64, 64], float32, of latent vectors [B, inputs]; a sigmoid makes them pictures."""
        return self.output(self.stages(self.input(latent))).float()


def interleave(pictures: Tensor, reconstructions: Tensor, columns: int = 8) -> Tensor:
    """Rows of ``columns`` pictures alternating with rows of their reconstructions: [2 N, 3, 64, 64]."""
    rows = zip(pictures.split(columns), reconstructions.split(columns), strict=True)
    return torch.cat([row for pair in rows for row in pair])
