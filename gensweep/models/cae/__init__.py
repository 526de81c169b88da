"""CAE: a convolutional autoencoder.

## Method
Stacked convolutional auto-encoders (Masci et al. 2011). The paper follows Pintelas et al. 2021
(Sensors 21:22).

## Logged numbers
- `loss`, `reconstruction_mse`: mean squared error a pixel and channel, pixels in 0..1.
- `ssim`: structural similarity of a picture and its reconstruction; 1 means equal.

## Differences from the method
All layers are trained together, not one after the other. Strides replace pooling. One dense latent
vector is between the two halves.

## Differences from the paper
Its code is not available. Its figures, and the course that it was written for, suggest these
settings: 3x3 convolutions of stride 2 with 128 filters, a latent vector of 256, Adam at 1e-3,
batches of 64, and 100 epochs.
"""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.registries import MODELS
from gensweep.models._pictures import PictureModel


@MODELS("cae")
class CAE(PictureModel):
    """A convolutional autoencoder of 64x64 pictures."""

    name: ClassVar[str] = "cae"
    abbreviation: ClassVar[str] = "cae"
    outputs: ClassVar[tuple[str, ...]] = ("loss", "reconstruction", "picture")
