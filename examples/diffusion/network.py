"""The torch code of the diffusion model."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import gensweep as gs

LARGEST_TIME = 0.99
"""At time 1 nothing of the picture is left, and its prediction from noise would divide by zero."""


class DiffusionNetwork(gs.Network):
    """Noisy pictures [B, 3, 64, 64] in -1..1 and times [B, 1] to the noise in them."""

    def __init__(self, config) -> None:
        super().__init__(config)
        width = config.filters
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.up = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)
        self.time = nn.Linear(2, width)
        self.shift = nn.Linear(width, width)

    def draw(
        self, batch_size: int, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Draw the noise and the time of each example."""
        noise = torch.randn(batch_size, 3, 64, 64, generator=rng)
        return {
            "noise": noise,
            "time": LARGEST_TIME * torch.rand(batch_size, 1, generator=rng),
        }

    def predict(self, noisy: Tensor, time: Tensor) -> Tensor:
        """Return the noise in noisy pictures [B, 3, 64, 64] at times [B, 1] in 0..1."""
        shift = self.shift(
            F.silu(self.time(torch.cat([time, time.square()], 1)))
        )
        fine = F.silu(self.first(noisy))
        coarse = F.silu(self.down(fine) + shift[:, :, None, None])
        coarse = F.silu(self.middle(coarse))
        upscaled = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return self.last(F.silu(self.up(upscaled)) + fine).float()

    def compute_losses(
        self, picture: Tensor, noise: Tensor, time: Tensor
    ) -> Tensor:
        """Return the squared error of the predicted noise, per example [B]."""
        angle = time[:, :, None, None] * math.pi / 2
        noisy = angle.cos() * (2 * picture - 1) + angle.sin() * noise
        return (self.predict(noisy, time) - noise).square().mean((1, 2, 3))

    def forward(self, player, batch, noise):
        """Return the mean squared error of the predicted noise."""
        loss = self.compute_losses(
            batch["picture"], noise["noise"], noise["time"]
        ).mean()
        return loss, {"loss": loss}

    def sample(self, noise: Tensor) -> Tensor:
        """Return pictures [B, 3, 64, 64] in 0..1 for noise of this shape."""
        noisy = noise
        times = torch.linspace(
            LARGEST_TIME, 0, self.config.steps + 1, device=noise.device
        )
        for now, after in itertools.pairwise(times):
            predicted = self.predict(noisy, now.expand(len(noise), 1))
            angle, next_angle = now * math.pi / 2, after * math.pi / 2
            picture = ((noisy - angle.sin() * predicted) / angle.cos()).clamp(
                -1, 1
            )
            noisy = next_angle.cos() * picture + next_angle.sin() * predicted
        return (noisy / 2 + 0.5).clamp(0, 1)

    def evaluate(self, batch, noise):
        """Return losses [B], and drawn and real pictures [B, 3, 64, 64]."""
        picture = batch["picture"]
        losses = self.compute_losses(picture, noise["noise"], noise["time"])
        return {
            "loss": losses,
            "sample": self.sample(noise["noise"]),
            "picture": picture,
        }

    def samples(self, batch, noise) -> gs.Samples:
        """Return drawn pictures."""
        return gs.Samples(self.sample(noise["noise"]))
