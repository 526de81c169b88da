"""CAE: a convolutional autoencoder.

## Paper
Stacked convolutional auto-encoders (Masci et al. 2011); the report follows Pintelas et al. 2021 (Sensors 21:22).

## What each logged number means
- `loss`, `reconstruction_mse`: mean squared error a pixel and channel, pixels in 0..1.
- `ssim`: structural similarity of a picture and its reconstruction; 1 is equal.

## Differences from the paper
Trained as a whole, with strides in place of pooling and one dense latent vector between the two halves.

## Differences from the report
Its code is not at hand: stride-2 3x3 convolutions of 128 filters, a latent vector of 256, Adam at 1e-3,
batches of 64 and 100 epochs follow its pictures and the course it was written for.
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
