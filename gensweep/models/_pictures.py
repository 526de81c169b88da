"""What the three picture models share, without torch: depth in stride-2 stages, and sizes by arithmetic."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.core.config import param
from gensweep.core.model import Model

SIZE, CHANNELS = 64, 3


class PictureModel(Model):
    """64x64 pictures; the encoder and the decoder have 1 to 5 stages each, with the latent vector between."""

    reads: ClassVar[str] = "pictures"
    default_dataset: ClassVar[str] = "avatars"
    inputs: ClassVar[tuple[str, ...]] = ("picture",)
    evaluation_batch: ClassVar[int] = 64
    encoder_outputs: ClassVar[int] = 1
    """Numbers that the encoder gives for each latent dimension."""

    encoder_layers: int = param(
        3, "stride-2 stages from the picture to the latent vector", ge=1, le=5
    )
    decoder_layers: int = param(
        3, "stride-2 stages from the latent vector to the picture", ge=1, le=5
    )
    filters: int = param(128, "channels of every stage", ge=1)
    latent_dim: int = param(256, "size of the latent vector", ge=1)
    epochs: int = param(100, "passes over the training examples", ge=1)
    batch_size: int = param(64, "examples a step", ge=1)
    init: Literal["torch", "keras"] = param(
        "keras", "initial weights: PyTorch's or Keras' defaults"
    )

    def encoder_width(self) -> int:
        """Size of the vector that the encoder gives."""
        return self.latent_dim * self.encoder_outputs

    def count_parameters(self) -> int:
        """Trainable numbers of encoder and decoder."""
        dense_in = self.filters * (SIZE >> self.encoder_layers) ** 2
        dense_out = self.filters * (SIZE >> self.decoder_layers) ** 2
        stage = 9 * self.filters**2 + self.filters
        colours = 9 * CHANNELS * self.filters
        encoder = (
            colours
            + self.filters
            + (self.encoder_layers - 1) * stage
            + (dense_in + 1) * self.encoder_width()
        )
        decoder = (
            (self.latent_dim + 1) * dense_out + self.decoder_layers * stage + colours + CHANNELS
        )
        return encoder + decoder

    def estimate_untrained_loss(self) -> float:
        """Return 1: squared errors of pixels in 0..1, and cross-entropies of one decision, are about that."""
        return 1.0

    def count_activations(self) -> int:
        """Each stage keeps its sum and its activation."""
        down = sum((SIZE >> stage) ** 2 for stage in range(1, self.encoder_layers + 1))
        up = sum((SIZE >> stage) ** 2 for stage in range(self.decoder_layers + 1))
        return 2 * self.filters * (down + up) + 2 * CHANNELS * SIZE**2
