"""VAE: a variational autoencoder.

## Method
Auto-encoding variational Bayes (Kingma and Welling 2014, arXiv:1312.6114); `beta` is that of
Higgins et al. 2017.

## Logged numbers
- `nll`: negative log likelihood of a picture in nats, summed over pixels and channels, at one
  latent sample. `bernoulli`: the cross-entropy of pixel intensities in 0..1 (the common choice,
  although it is not a density for grey values). `gaussian`: with unit variance and its constant,
  0.5 |x - m|^2 + 0.5 D log(2 pi) over D = 12,288 numbers.
- `kl`: KL divergence of the latent distribution from the standard normal in nats, in closed form,
  summed over dimensions.
- `loss`: nll + beta * kl, mean over pictures.
- `reconstruction_mse`: mean squared error a pixel of the decoder's mean at the same latent sample.
- `ssim`: structural similarity of a picture and that reconstruction; 1 means equal.
- `sliced_wasserstein`: distance between samples and equally many test pictures, in raw pixels.
- More numbers compare samples with test pictures in the features of a network, such as
  `kid_x1000_efficientnet_lite0`, and with training pictures: `gensweep list metrics`.

## Differences from the method
The networks are convolutional. One latent sample is drawn for a picture (L = 1 in Kingma and
Welling's terms).

## Differences from the paper
As for the CAE, with a latent vector of 256.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.core.config import param
from gensweep.core.registries import MODELS
from gensweep.models._pictures import CHANNELS, SIZE, PictureModel


@MODELS("vae")
class VAE(PictureModel):
    """A variational autoencoder of 64x64 pictures."""

    name: ClassVar[str] = "vae"
    abbreviation: ClassVar[str] = "vae"
    outputs: ClassVar[tuple[str, ...]] = (
        "loss",
        "nll",
        "kl",
        "reconstruction",
        "sample",
        "picture",
    )
    encoder_outputs: ClassVar[int] = 2
    """Mean and log variance."""

    beta: float = param(1.0, "weight of the KL divergence", ge=0)
    likelihood: Literal["bernoulli", "gaussian"] = param(
        "bernoulli", "distribution of a pixel given the latent vector"
    )

    def estimate_untrained_loss(self) -> float:
        """Return a nat for each number of a picture, and as much for the weighted KL divergence."""
        return CHANNELS * SIZE**2 * (1 + self.beta)
