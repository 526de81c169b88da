"""GAN: a generator against a discriminator.

## Paper
Generative adversarial nets (Goodfellow et al. 2014, arXiv:1406.2661), the non-saturating loss of its section 3;
convolutions and Adam's settings as in DCGAN (Radford et al. 2016, arXiv:1511.06434).

## What each logged number means
- `discriminator_loss`: cross-entropy in nats, real as 1 and generated as 0, the two summed; 2 log 2 = 1.386 is
  chance.
- `generator_loss`: mean of -log D(G(z)) in nats; log 2 = 0.693 is chance. Neither says how good the pictures are.
- `discriminator_accuracy`: share of real and generated pictures told apart; 0.5 is chance.
- `sliced_wasserstein`: distance of as many samples from as many test pictures, in raw pixels.
- `fid_random_vgg`, `kid_random_vgg`: distances of as many samples from as many test pictures, in features of a
  network with random weights.
- `density_random_vgg`, `coverage_random_vgg`: how many real pictures' neighbourhoods a sample lies in, and the share
  of the real pictures with a sample nearby, in the same features.

## Differences from the paper
No batch statistics (they tie the examples of a batch and cannot be batched over lanes), no dropout.

## Differences from the report
As for the CAE. `encoder_layers` is the discriminator's depth, `decoder_layers` the generator's.
"""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.config import param
from gensweep.core.registries import MODELS
from gensweep.models._pictures import PictureModel


@MODELS("gan")
class GAN(PictureModel):
    """A generative adversarial network of 64x64 pictures."""

    name: ClassVar[str] = "gan"
    abbreviation: ClassVar[str] = "gan"
    outputs: ClassVar[tuple[str, ...]] = (
        "discriminator_loss", "generator_loss", "judged_right", "sample", "picture",
    )  # fmt: skip
    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")

    encoder_layers: int = param(3, "stride-2 stages of the discriminator", ge=1, le=5)
    decoder_layers: int = param(3, "stride-2 stages of the generator", ge=1, le=5)
    lr: float = param(2e-4, "learning rate of Adam or AdamW", gt=0)
    beta1: float = param(0.5, "Adam's decay of the gradient's mean", ge=0, lt=1)

    def encoder_width(self) -> int:
        """One logit: real or not."""
        return 1
