"""Convolutions of stride 2 from a picture to a vector and back.

As in Radford et al. 2016, but without batch statistics.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from gensweep.nn.conv import ConvDown, ConvToRGB, ConvUp, Flatten, Unflatten

PICTURE_SIZE = 64
"""Height and width of a picture in pixels."""
CHANNELS = 3


class PictureEncoder(nn.Module):
    """Stages of 3x3 convolutions that halve the picture, then one dense layer.

    Args:
        layers: stages; after them, the picture is 64 / 2^layers wide.
        filters: channels of every stage.
        outputs: size of the vector.
        slope: of the leaky ReLU; 0 is the plain one.
    """

    def __init__(
        self,
        layers: int,
        filters: int,
        outputs: int,
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        channels = [CHANNELS] + [filters] * layers
        # The order of these lines decides the order of the parameters, and of their random numbers.
        stages = [
            ConvDown(
                before,
                after,
                slope,
            )
            for before, after in pairwise(channels)
        ]
        self.stages = nn.Sequential(*stages, Flatten())
        side = PICTURE_SIZE >> layers
        self.output = nn.Linear(filters * side**2, outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return vectors [B, outputs], float32, of pictures [B, 3, 64, 64]."""
        return self.output(self.stages(pictures)).float()


class PictureDecoder(nn.Module):
    """One dense layer, transposed 3x3 convolutions that double the picture, a 3x3 one to colours.

    Args:
        inputs: size of the vector.
        layers: stages, as in `PictureEncoder`.
        filters: channels of every stage.
    """

    def __init__(
        self,
        inputs: int,
        layers: int,
        filters: int,
    ) -> None:
        super().__init__()
        side = PICTURE_SIZE >> layers
        # The order of these lines decides the order of the parameters, and of their random numbers.
        self.input = nn.Linear(inputs, filters * side**2)
        stages = [ConvUp(filters, filters) for _ in range(layers)]
        self.stages = nn.Sequential(
            nn.ReLU(),
            Unflatten(filters, side, side),
            *stages,
        )
        self.output = ConvToRGB(filters, CHANNELS)

    def forward(self, latent: Tensor) -> Tensor:
        """Return logits [B, 3, 64, 64], float32, of latent vectors [B, inputs].

        A sigmoid makes them pictures.
        """
        hidden = self.stages(self.input(latent))
        return self.output(hidden).float()


def interleave(
    pictures: Tensor,
    reconstructions: Tensor,
    columns: int = 8,
) -> Tensor:
    """Alternate rows of pictures with rows of their reconstructions, [2 N, 3, 64, 64]."""
    rows = []
    pairs = zip(
        pictures.split(columns),
        reconstructions.split(columns),
        strict=True,
    )
    for picture_row, reconstruction_row in pairs:
        rows += [picture_row, reconstruction_row]
    return torch.cat(rows)
