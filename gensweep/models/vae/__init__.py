"""VAE: a variational autoencoder.

## Paper
Auto-encoding variational Bayes (Kingma and Welling 2014, arXiv:1312.6114); `beta` is that of Higgins et al. 2017.

## What each logged number means
- `nll`: negative log likelihood of a picture in nats, summed over pixels and channels, at one latent sample.
  `bernoulli`: the cross-entropy of pixel intensities in 0..1 (not a density for grey values; the common choice).
  `gaussian`: unit variance, its constant included: 0.5 |x - m|^2 + 0.5 D log(2 pi) over D = 12,288 numbers.
- `kl`: KL divergence of the latent distribution from the standard normal in nats, closed form, summed over
  dimensions.
- `loss`: nll + beta * kl, mean over pictures.
- `reconstruction_mse`: mean squared error a pixel of the decoder's mean at that latent sample.
- `ssim`: structural similarity of a picture and that reconstruction; 1 is equal.
- `sliced_wasserstein`: distance of as many random samples from as many test pictures, in raw pixels.
- `fid_random_vgg`, `kid_random_vgg`: distances of as many samples from as many test pictures, in features of a
  network with random weights.
- `density_random_vgg`, `coverage_random_vgg`: how many real pictures' neighbourhoods a sample lies in, and the share
  of the real pictures with a sample nearby, in the same features.

## Differences from the paper
Convolutions, and one latent sample a picture (the paper's L = 1).

## Differences from the report
As for the CAE; a latent vector of 256.
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

    def estimate_untrained_loss(self) -> float:
        """Return a nat for each number of a picture, and as much for the weighted KL divergence."""
        return CHANNELS * SIZE**2 * (1 + self.beta)

    beta: float = param(1.0, "weight of the KL divergence", ge=0)
    likelihood: Literal["bernoulli", "gaussian"] = param(
        "bernoulli", "distribution of a pixel given the latent vector"
    )
