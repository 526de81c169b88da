"""The base of the three picture models, without torch: their parameters and sizes."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.core.config import param
from gensweep.core.model import LayeredModel

SIZE = 64
"""Height and width of a picture in pixels."""
CHANNELS = 3
KERNEL_AREA = 3 * 3


class PictureModel(LayeredModel):
    """A model of 64x64 pictures.

    The encoder and the decoder have 1 to 5 stages each, with the latent vector between them.
    """

    reads: ClassVar[str] = "pictures"
    default_dataset: ClassVar[str] = "avatars"
    inputs: ClassVar[tuple[str, ...]] = ("picture",)
    evaluation_batch: ClassVar[int] = 64
    encoder_outputs: ClassVar[int] = 1
    """How many numbers the encoder gives for each latent dimension."""

    encoder_layers: int = param(
        3, "stride-2 stages from the picture to the latent vector", ge=1, le=5
    )
    decoder_layers: int = param(
        3, "stride-2 stages from the latent vector to the picture", ge=1, le=5
    )
    filters: int = param(128, "channels of every stage", ge=1)
    latent_dim: int = param(256, "size of the latent vector", ge=1)
    epochs: int = param(100, "passes over the training examples", ge=1)
    batch_size: int = param(64, "examples per step", ge=1)
    init: Literal["torch", "keras"] = param(
        "keras", "initial weights: PyTorch's or Keras' defaults"
    )

    def get_encoder_width(self) -> int:
        """Return the size of the encoder's output vector."""
        return self.latent_dim * self.encoder_outputs

    def count_parameters(self) -> int:
        """Return the number of weights of encoder and decoder."""
        flat_before = self.filters * (SIZE >> self.encoder_layers) ** 2
        flat_after = self.filters * (SIZE >> self.decoder_layers) ** 2
        stage = KERNEL_AREA * self.filters**2 + self.filters
        # The first layer of the encoder and the last of the decoder differ in their biases only.
        colour_weights = KERNEL_AREA * CHANNELS * self.filters
        encoder = colour_weights + self.filters
        encoder += (self.encoder_layers - 1) * stage
        encoder += (flat_before + 1) * self.get_encoder_width()
        decoder = (self.latent_dim + 1) * flat_after
        decoder += self.decoder_layers * stage
        decoder += colour_weights + CHANNELS
        return encoder + decoder

    def estimate_untrained_loss(self) -> float:
        """Return 1, the magnitude of squared errors of pixels in 0..1.

        The cross-entropy of one decision has the same magnitude.
        """
        return 1.0

    def count_activations(self) -> int:
        """Return how many numbers one example keeps: each stage keeps its sum and activation."""
        down = sum(
            (SIZE >> stage) ** 2
            for stage in range(1, self.encoder_layers + 1)
        )
        up = sum(
            (SIZE >> stage) ** 2 for stage in range(self.decoder_layers + 1)
        )
        pictures = 2 * CHANNELS * SIZE**2
        return 2 * self.filters * (down + up) + pictures
