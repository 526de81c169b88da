"""The torch code of the GAN."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.models.gan import GAN
from gensweep.nn.base_network import (
    Batch,
    LatentNetwork,
    LossAndLogs,
    Noise,
    Outputs,
    Samples,
)
from gensweep.nn.picture_codec import PictureDecoder, PictureEncoder

LEAKY_RELU_SLOPE = 0.2


class GANNetwork(LatentNetwork[GAN]):
    """A generator from latent vectors [B, latent_dim] to pictures, and a discriminator.

    Pictures are [B, 3, 64, 64].
    """

    adamw_only = ("discriminator.output.",)

    def __init__(self, config: GAN) -> None:
        super().__init__(config)
        self.discriminator = PictureEncoder(
            config.encoder_layers,
            config.filters,
            config.get_encoder_width(),
            # A plain ReLU would pass no gradient to the generator where it is 0.
            LEAKY_RELU_SLOPE,
        )
        self.generator = PictureDecoder(
            config.latent_dim,
            config.decoder_layers,
            config.filters,
        )

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw standard normal latent vectors [B, latent_dim], for each player separately."""
        shape = (batch_size, self.config.latent_dim)
        return {
            player: torch.randn(shape, generator=rng)
            for player in self.config.players
        }

    def sample(self, latent: Tensor) -> Tensor:
        """Return pictures [B, 3, 64, 64] in 0..1 of latent vectors [B, latent_dim]."""
        return self.generator(latent).sigmoid()

    def _discriminate(self, pictures: Tensor) -> Tensor:
        """Return logits [B]. Positive means real."""
        return self.discriminator(pictures).squeeze(1)

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the cross-entropy that the player minimizes."""
        if player == "generator":
            loss = self._compute_generator_loss(noise)
        else:
            loss = self._compute_discriminator_loss(batch, noise)
        return loss, {f"{player}_loss": loss}

    def _compute_generator_loss(self, noise: Noise) -> Tensor:
        generated = self._discriminate(self.sample(noise["generator"]))
        # -log D is minimized. The gradient of log(1 - D) vanishes while the discriminator is right.
        return F.softplus(-generated).mean()

    def _compute_discriminator_loss(
        self, batch: Batch, noise: Noise
    ) -> Tensor:
        # Detached, since this step does not change the generator.
        sample = self.sample(noise["discriminator"]).detach()
        real = self._discriminate(batch["picture"])
        generated = self._discriminate(sample)
        return (F.softplus(-real) + F.softplus(generated)).mean()

    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return both losses [B], the share classified correctly [B], samples and pictures.

        Samples and pictures are [B, 3, 64, 64].
        """
        sample = self.sample(noise["generator"])
        real = self._discriminate(batch["picture"])
        generated = self._discriminate(sample)
        is_real_right = (real > 0).float()
        is_generated_right = (generated < 0).float()
        return {
            "discriminator_loss": F.softplus(-real) + F.softplus(generated),
            "generator_loss": F.softplus(-generated),
            "judged_right": (is_real_right + is_generated_right) / 2,
            "sample": sample,
            "picture": batch["picture"],
        }

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return pictures of the generator."""
        return Samples(self.sample(noise["generator"]))


build = GANNetwork
