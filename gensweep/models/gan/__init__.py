"""GAN: a generator against a discriminator.

## Method
Generative adversarial nets (Goodfellow et al. 2014, arXiv:1406.2661), with the non-saturating loss
of its section 3. Convolutions and Adam's settings are those of DCGAN (Radford et al. 2016,
arXiv:1511.06434).

## Logged numbers
- `discriminator_loss`: sum of two cross-entropies in nats, for real pictures (target 1) and
  generated ones (target 0); 2 log 2 = 1.386 is chance.
- `generator_loss`: mean of -log D(G(z)) in nats; log 2 = 0.693 is chance. Neither loss measures how
  good the pictures are.
- `discriminator_accuracy`: share of real and generated pictures that are classified correctly; 0.5
  is chance.
- `sliced_wasserstein`: distance between samples and equally many test pictures, in raw pixels.
- More numbers compare samples with test pictures in the features of a network, such as
  `kid_x1000_efficientnet_lite0`, and with training pictures: `gensweep list metrics`.

## Differences from the method
There are no batch statistics: they make the examples of a batch depend on each other, and cannot be
batched over lanes. There is no dropout.

## Differences from the paper
As for the CAE. `encoder_layers` is the depth of the discriminator, `decoder_layers` that of the
generator.
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
        "discriminator_loss",
        "generator_loss",
        "judged_right",
        "sample",
        "picture",
    )
    players: ClassVar[tuple[str, ...]] = ("discriminator", "generator")

    encoder_layers: int = param(
        3,
        "stride-2 stages of the discriminator",
        ge=1,
        le=5,
    )
    decoder_layers: int = param(
        3,
        "stride-2 stages of the generator",
        ge=1,
        le=5,
    )
    lr: float = param(2e-4, "learning rate of Adam or AdamW", gt=0)
    beta1: float = param(
        0.5,
        "Adam's decay of the gradient's mean",
        ge=0,
        lt=1,
    )

    def get_encoder_width(self) -> int:
        """Return 1: the discriminator gives one logit, real or not."""
        return 1
