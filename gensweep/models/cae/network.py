"""The torch code of the CAE."""

from __future__ import annotations

from torch import Tensor

from gensweep.models.cae import CAE
from gensweep.nn.base_network import Batch, Network, Noise, Samples
from gensweep.nn.picture_codec import PictureDecoder, PictureEncoder, interleave


class CAENetwork(Network[CAE]):
    """Pictures [B, 3, 64, 64] to a latent vector [B, latent_dim] and back."""

    def __init__(self, config: CAE) -> None:
        super().__init__(config)
        self.encoder = PictureEncoder(config.encoder_layers, config.filters, config.encoder_width())
        self.decoder = PictureDecoder(config.latent_dim, config.decoder_layers, config.filters)

    def reconstruct(self, pictures: Tensor) -> Tensor:
        """Pictures [B, 3, 64, 64] in 0..1, as the decoder makes them of the encoder's vectors."""
        return self.decoder(self.encoder(pictures)).sigmoid()

    def forward(self, player: str, batch: Batch, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error a pixel."""
        loss = (self.reconstruct(batch["picture"]) - batch["picture"]).square().mean()
        return loss, {"loss": loss}

    def evaluate(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Loss [B], reconstructions and pictures [B, 3, 64, 64]."""
        picture = batch["picture"]
        reconstruction = self.reconstruct(picture)
        loss = (reconstruction - picture).square().mean((1, 2, 3))
        return {"loss": loss, "reconstruction": reconstruction, "picture": picture}

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Rows of eight pictures, each row above its reconstructions."""
        picture = batch["picture"]
        return Samples(interleave(picture, self.reconstruct(picture)))


build = CAENetwork
