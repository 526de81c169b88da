"""Means of what a model's evaluation already yields an example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensweep.core.registries import metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("loss", needs=("loss",), unit="model's own", direction="min")
def loss(outputs: dict[str, Tensor]) -> float:
    """The training loss on examples never trained on; comparable only between points of one model.

    Range: the model's own, lower is better.
    """
    return outputs["loss"].double().mean().item()


@metric("nll", needs=("nll",), unit="nats a picture", direction="min")
def nll(outputs: dict[str, Tensor]) -> float:
    """Negative log likelihood summed over pixels, mean over pictures, at one latent sample.

    Range 0 and up, lower is better; that of grey pixels does not reach 0, whatever the model.
    """
    return outputs["nll"].double().mean().item()


@metric("kl", needs=("kl",), unit="nats a picture", direction="none")
def kl(outputs: dict[str, Tensor]) -> float:
    """KL divergence of the latent distribution from the prior; 0 means that the latent vector says nothing.

    Range 0 and up; neither end is good.
    """
    return outputs["kl"].double().mean().item()


@metric("discriminator_loss", needs=("discriminator_loss",), unit="nats", direction="none")
def discriminator_loss(outputs: dict[str, Tensor]) -> float:
    """Cross-entropy on real plus on generated pictures; 1.386 is chance, and neither end is good.

    Range 0 and up.
    """
    return outputs["discriminator_loss"].double().mean().item()


@metric("generator_loss", needs=("generator_loss",), unit="nats", direction="none")
def generator_loss(outputs: dict[str, Tensor]) -> float:
    """Mean of -log D(G(z)); tells how the game stands, not how good the pictures are.

    Range 0 and up; 0.693 is chance.
    """
    return outputs["generator_loss"].double().mean().item()


@metric("discriminator_accuracy", needs=("judged_right",), unit="fraction", direction="none")
def discriminator_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of real and generated pictures that the discriminator tells apart; 0.5 is chance.

    Range 0 to 1; neither end is good.
    """
    return outputs["judged_right"].double().mean().item()
