"""The torch code of the VAE."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.models.vae import VAE
from gensweep.nn.base_network import (
    Batch,
    LatentNetwork,
    LossAndLogs,
    Noise,
    Outputs,
    Samples,
)
from gensweep.nn.picture_codec import (
    PictureDecoder,
    PictureEncoder,
    interleave,
)


class VAENetwork(LatentNetwork[VAE]):
    """Pictures [B, 3, 64, 64] to a normal distribution over latent vectors and back.

    Latent vectors are [B, latent_dim].
    """

    def __init__(self, config: VAE) -> None:
        super().__init__(config)
        self.encoder = PictureEncoder(
            config.encoder_layers,
            config.filters,
            config.get_encoder_width(),
        )
        self.decoder = PictureDecoder(
            config.latent_dim,
            config.decoder_layers,
            config.filters,
        )

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw standard normal numbers, each [B, latent_dim].

        `posterior` is added to the encoder's mean, `prior` is decoded to samples.
        """
        shape = (batch_size, self.config.latent_dim)
        return {
            name: torch.randn(shape, generator=rng)
            for name in ("posterior", "prior")
        }

    def sample(self, latent: Tensor) -> Tensor:
        """Return pictures [B, 3, 64, 64] in 0..1 of latent vectors [B, latent_dim]."""
        return self.decoder(latent).sigmoid()

    def _compute_terms(
        self,
        picture: Tensor,
        noise: Noise,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [B, 3, 64, 64], negative log likelihood [B] and KL divergence [B]."""
        mean, log_variance = self.encoder(picture).chunk(2, dim=-1)
        # The network gives the logarithm of the variance, which can have any sign.
        deviation = (0.5 * log_variance).exp()
        logits = self.decoder(mean + noise["posterior"] * deviation)
        nll = negative_log_likelihood(
            logits,
            picture,
            self.config.likelihood,
        )
        kl = 0.5 * (
            mean.square() + log_variance.exp() - 1 - log_variance
        ).sum(1)
        return logits, nll, kl

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the negative evidence lower bound at weight beta, mean over pictures."""
        _, nll, kl = self._compute_terms(batch["picture"], noise)
        loss = (nll + self.config.beta * kl).mean()
        return loss, {"loss": loss, "nll": nll.mean(), "kl": kl.mean()}

    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return loss, nll and kl [B]; reconstructions, samples and pictures [B, 3, 64, 64]."""
        logits, nll, kl = self._compute_terms(batch["picture"], noise)
        return {
            "loss": nll + self.config.beta * kl,
            "nll": nll,
            "kl": kl,
            "reconstruction": logits.sigmoid(),
            "sample": self.sample(noise["prior"]),
            "picture": batch["picture"],
        }

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return pictures above their reconstructions, then as many samples from the prior."""
        logits, _, _ = self._compute_terms(batch["picture"], noise)
        pairs = interleave(batch["picture"], logits.sigmoid())
        prior_samples = self.sample(noise["prior"])
        return Samples(torch.cat([pairs, prior_samples]))


def negative_log_likelihood(
    logits: Tensor,
    picture: Tensor,
    likelihood: str,
) -> Tensor:
    """Return nats per picture [B], summed over pixels and channels.

    Args:
        logits: [B, 3, 64, 64].
        picture: [B, 3, 64, 64] in 0..1.
        likelihood: `bernoulli` or `gaussian`.
    """
    if likelihood == "bernoulli":
        # From logits, since the logarithm of a sigmoid is inexact near 0 and 1.
        nats = F.binary_cross_entropy_with_logits(
            logits,
            picture,
            reduction="none",
        )
        return nats.flatten(1).sum(1)
    squares = (logits.sigmoid() - picture).square().flatten(1)
    log_normalizer = squares.shape[1] * math.log(2 * math.pi)
    return 0.5 * (squares.sum(1) + log_normalizer)


build = VAENetwork
