"""The torch code of the CAE."""

from __future__ import annotations

from torch import Tensor

from gensweep.models.cae import CAE
from gensweep.nn.base_network import (
    Batch,
    LossAndLogs,
    Network,
    Noise,
    Outputs,
    Samples,
)
from gensweep.nn.picture_codec import (
    PictureDecoder,
    PictureEncoder,
    interleave,
)


class CAENetwork(Network[CAE]):
    """Pictures [B, 3, 64, 64] to a latent vector [B, latent_dim] and back."""

    def __init__(self, config: CAE) -> None:
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

    def reconstruct(self, pictures: Tensor) -> Tensor:
        """Return reconstructions of pictures [B, 3, 64, 64], both in 0..1."""
        latent = self.encoder(pictures)
        return self.decoder(latent).sigmoid()

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the mean squared error a pixel."""
        picture = batch["picture"]
        error = self.reconstruct(picture) - picture
        loss = error.square().mean()
        return loss, {"loss": loss}

    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return the loss [B], reconstructions and pictures [B, 3, 64, 64]."""
        picture = batch["picture"]
        reconstruction = self.reconstruct(picture)
        error = reconstruction - picture
        return {
            "loss": error.square().mean((1, 2, 3)),
            "reconstruction": reconstruction,
            "picture": picture,
        }

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return rows of eight pictures, each row above its reconstructions."""
        picture = batch["picture"]
        reconstruction = self.reconstruct(picture)
        return Samples(interleave(picture, reconstruction))


build = CAENetwork
