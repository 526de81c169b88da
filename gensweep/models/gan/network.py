"""The torch code of the GAN."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.models.gan import GAN
from gensweep.nn.base_network import Batch, LatentNetwork, Noise, Samples
from gensweep.nn.picture_codec import PictureDecoder, PictureEncoder

SLOPE = 0.2


class GANNetwork(LatentNetwork[GAN]):
    """A generator from latent vectors [B, latent_dim] to pictures [B, 3, 64, 64], and their judge."""

    adamw_only = ("discriminator.output.",)

    def __init__(self, config: GAN) -> None:
        super().__init__(config)
        self.discriminator = PictureEncoder(
            config.encoder_layers, config.filters, config.encoder_width(), SLOPE
        )
        self.generator = PictureDecoder(config.latent_dim, config.decoder_layers, config.filters)

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Standard normal latent vectors [B, latent_dim], others for each player."""
        shape = (batch_size, self.config.latent_dim)
        return {player: torch.randn(shape, generator=rng) for player in self.config.players}

    def sample(self, latent: Tensor) -> Tensor:
        """Pictures [B, 3, 64, 64] in 0..1 of latent vectors [B, latent_dim]."""
        return self.generator(latent).sigmoid()

    def _judge(self, pictures: Tensor) -> Tensor:
        """Logits [B]: positive means real."""
        return self.discriminator(pictures).squeeze(1)

    def forward(self, player: str, batch: Batch, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """The player's own cross-entropy."""
        if player == "generator":
            loss = F.softplus(-self._judge(self.sample(noise["generator"]))).mean()
        else:
            generated = self.sample(noise["discriminator"]).detach()
            loss = (
                F.softplus(-self._judge(batch["picture"])) + F.softplus(self._judge(generated))
            ).mean()
        return loss, {f"{player}_loss": loss}

    def evaluate(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Both losses [B], share judged right [B], samples and pictures [B, 3, 64, 64]."""
        sample = self.sample(noise["generator"])
        real, generated = self._judge(batch["picture"]), self._judge(sample)
        return {
            "discriminator_loss": F.softplus(-real) + F.softplus(generated),
            "generator_loss": F.softplus(-generated),
            "judged_right": ((real > 0).float() + (generated < 0).float()) / 2,
            "sample": sample,
            "picture": batch["picture"],
        }

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Pictures that the generator makes."""
        return Samples(self.sample(noise["generator"]))


build = GANNetwork
