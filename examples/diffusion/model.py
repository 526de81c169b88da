"""A model in a file: a small diffusion model of 64x64 pictures; its network is in the file beside.

## Method
Denoising diffusion (Ho et al. 2020, arXiv:2006.11239) with the cosine schedule of Nichol and
Dhariwal 2021 (arXiv:2102.09672), sampled without noise in a few steps (Song et al. 2021,
arXiv:2010.02502).
"""

from __future__ import annotations

from typing import ClassVar

import gensweep as gs


@gs.model("diffusion")
class Diffusion(gs.Model):
    """A diffusion model of 64x64 pictures."""

    shown: ClassVar[tuple[str, ...]] = ("filters",)
    reads: ClassVar[str] = "pictures"
    default_dataset: ClassVar[str] = "avatars"
    inputs: ClassVar[tuple[str, ...]] = ("picture",)
    outputs: ClassVar[tuple[str, ...]] = ("loss", "sample", "picture")
    evaluation_batch: ClassVar[int] = 32

    filters: int = gs.param(32, "channels of every convolution", ge=1)
    steps: int = gs.param(16, "steps from noise to a picture", ge=1)
    epochs: int = gs.param(20, "passes over the training examples", ge=1)
    batch_size: int = gs.param(32, "examples per step", ge=1)

    def build_network(self):
        """Return the network; torch is imported only here."""
        from network import DiffusionNetwork

        return DiffusionNetwork(self)

    def count_parameters(self) -> int:
        """Return the number of weights of the five convolutions and two dense layers."""
        width = self.filters
        ends = (9 * 3 + 1) * width + (9 * width + 1) * 3
        return (
            ends
            + 3 * (9 * width + 1) * width
            + (2 + 1) * width
            + (width + 1) * width
        )

    def count_activations(self) -> int:
        """Return how many numbers one example keeps for the backward pass."""
        return self.filters * (4 * 64**2 + 4 * 32**2) + 2 * 3 * 64**2

    def estimate_untrained_loss(self) -> float:
        """Return 1, the variance of the noise that an untrained network fails to predict."""
        return 1.0
