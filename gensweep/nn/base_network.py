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
Outputs = dict[str, Tensor]
LossAndLogs = tuple[Tensor, dict[str, Tensor]]
"""A loss, and scalars to log by name."""
C = TypeVar("C", bound=Model)


@dataclass(frozen=True)
class Samples:
    """Pictures, captions, or both.

    Attributes:
        pictures: [N, channels, height, width] in 0..1, or None.
        captions: one for each picture, or none; without pictures, lines of text.
        columns: pictures in a row.
    """

    pictures: Tensor | None = None
    captions: list[str] = field(default_factory=list)
    columns: int = 8


class Network(nn.Module, abc.ABC, Generic[C]):
    """The torch code of a model.

    Every random number comes from `draw`, and every weight from the parameters of the module. So
    the same code runs plain, on other parameters (`loss`), or batched over lanes. Under an autocast
    to bfloat16 the output of the last layer is converted to float32, so that all losses and outputs
    are float32.

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
            rng: the generator of the point.

        Returns:
            Arrays by name, each [B, ...]; none by default.
        """
        return {}

    @abc.abstractmethod
    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Compute the loss of a player.

        Args:
            player: one of the config's `players`.
            batch: the config's `inputs`, each [B, ...].
            noise: from `draw`, for B examples.

        Returns:
            The loss, a scalar, and the scalars to log, by name.
        """

    def loss(
        self,
        player: str,
        params: dict[str, Tensor],
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Call `forward` with other parameters, as a pure function of the arguments."""
        return functional_call(
            self,
            params,
            (player, batch, noise),
        )

    @abc.abstractmethod
    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return the config's `outputs`, each [B, ...], from which metrics are computed."""

    @abc.abstractmethod
    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return pictures or texts by which a person judges the model."""

    def player_parameters(self, player: str) -> dict[str, nn.Parameter]:
        """Return the parameters that the player's optimizer changes.

        With several players, they are those of the module that has the player's name.
        """
        parameters = dict(self.named_parameters())
        if len(self.config.players) == 1:
            return parameters
        prefix = f"{player}."
        return {
            name: value
            for name, value in parameters.items()
            if name.startswith(prefix)
        }


class LatentNetwork(Network[C]):
    """A network that makes pictures from latent vectors of a standard normal distribution.

    `latent_dim` of its config is the size of a vector.
    """

    @abc.abstractmethod
    def sample(self, latent: Tensor) -> Tensor:
        """Return pictures [B, 3, 64, 64] in 0..1 of latent vectors [B, latent_dim]."""
