"""The contract between a model and the training loop."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gensweep.core.model import Model

Batch = dict[str, Tensor]
Noise = dict[str, Tensor]
C = TypeVar("C", bound=Model)


@dataclass(frozen=True)
class Samples:
    """Pictures, captions, or both.

    Attributes:
        pictures: [N, channels, height, width] in 0..1, or None.
        captions: one a picture or none; without pictures, lines of text.
        columns: pictures a row.
    """

    pictures: Tensor | None = None
    captions: list[str] = field(default_factory=list)
    columns: int = 8


class Network(nn.Module, abc.ABC, Generic[C]):
    """A model's torch code.

    Every random number comes in through `draw`, every weight through the module's parameters, so the
    same code runs plain, on other parameters (`loss`), or batched over lanes. Under an autocast to bfloat16 its
    last layer's output is made float32, so that losses and outputs are float32 throughout.

    Attributes:
        adamw_only: prefixes of matrices that Muon leaves to AdamW: embeddings and output layers.
    """

    adamw_only: tuple[str, ...] = ()

    def __init__(self, config: C) -> None:
        super().__init__()
        self.config = config

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw every random number of one step, on the CPU.

        Args:
            batch_size: examples in the step.
            rng: the point's own generator.
        """
        return {}

    @abc.abstractmethod
    def forward(self, player: str, batch: Batch, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """The player's loss.

        Args:
            player: one of the config's `players`.
            batch: the config's `inputs`, each [B, ...].
            noise: what `draw` gave for B.

        Returns:
            The loss, a scalar, and the scalars to log, by name.
        """

    def loss(
        self, player: str, params: dict[str, Tensor], batch: Batch, noise: Noise
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`forward` with other parameters: a pure function of its arguments."""
        return functional_call(self, params, (player, batch, noise))

    @abc.abstractmethod
    def evaluate(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """The config's `outputs`, each [B, ...]: what metrics are computed from."""

    @abc.abstractmethod
    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """What a person looks at to judge the model."""

    def player_parameters(self, player: str) -> dict[str, nn.Parameter]:
        """The parameters that the player's optimizer owns."""
        if len(self.config.players) == 1:
            return dict(self.named_parameters())
        return {name: p for name, p in self.named_parameters() if name.startswith(f"{player}.")}


class LatentNetwork(Network[C]):
    """A network that makes pictures of latent vectors drawn from a standard normal distribution.

    Its config says how many numbers a vector has: `latent_dim`.
    """

    @abc.abstractmethod
    def sample(self, latent: Tensor) -> Tensor:
        """Pictures [B, 3, 64, 64] in 0..1 of latent vectors [B, latent_dim]."""
