"""Means of numbers that a model's evaluation yields for each example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensweep.core.registries import register_metric

if TYPE_CHECKING:
    from torch import Tensor


@register_metric(
    "loss",
    needs=("loss",),
    unit="model's own",
    direction="min",
    main_rank=90,
)
def compute_loss(outputs: dict[str, Tensor]) -> float:
    """Training loss on examples never trained on; comparable only between points of one model."""
    return mean(outputs["loss"])


@register_metric(
    "nll",
    needs=("nll",),
    unit="nats a picture",
    direction="min",
    range=(0, None),
)
def compute_nll(outputs: dict[str, Tensor]) -> float:
    """Negative log likelihood summed over pixels, mean over pictures, at one latent sample.

    With grey pixels no model reaches 0.
    """
    return mean(outputs["nll"])


@register_metric(
    "kl",
    needs=("kl",),
    unit="nats a picture",
    direction="none",
    range=(0, None),
)
def compute_kl(outputs: dict[str, Tensor]) -> float:
    """KL divergence of the latent distribution from the prior.

    At 0 the latent vector is useless.
    """
    return mean(outputs["kl"])


@register_metric(
    "discriminator_loss",
    needs=("discriminator_loss",),
    unit="nats",
    direction="none",
    range=(0, None),
)
def compute_discriminator_loss(outputs: dict[str, Tensor]) -> float:
    """Cross-entropy on real plus on generated pictures.

    1.386 is chance, and neither end is good.
    """
    return mean(outputs["discriminator_loss"])


@register_metric(
    "generator_loss",
    needs=("generator_loss",),
    unit="nats",
    direction="none",
    range=(0, None),
)
def compute_generator_loss(outputs: dict[str, Tensor]) -> float:
    """Mean of -log D(G(z)); it compares the two players, and does not judge the pictures.

    0.693 is chance.
    """
    return mean(outputs["generator_loss"])


@register_metric(
    "discriminator_accuracy",
    needs=("judged_right",),
    unit="fraction",
    direction="none",
    range=(0, 1),
)
def compute_discriminator_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of real and generated pictures that the discriminator tells apart.

    0.5 is chance, and neither end is good.
    """
    return mean(outputs["judged_right"])


def mean(values: Tensor) -> float:
    """Return the mean over examples [n], in double precision."""
    return values.double().mean().item()
