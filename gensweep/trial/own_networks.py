"""Checks of what a user's network returns, so that an error names its method and not our loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gensweep.core.errors import GensweepError
from gensweep.core.model import Model
from gensweep.core.positions import locate_function
from gensweep.core.values import show_value
from gensweep.nn.base_network import (
    Batch,
    LossAndLogs,
    Network,
    Noise,
    Outputs,
    Samples,
)


class NetworkError(GensweepError):
    """A method of a network returns what it must not return.

    Attributes:
        position: file and line of the method; empty if it is not known.
    """

    def __init__(self, message: str, method: Any = None) -> None:
        super().__init__(message)
        self.position = ""
        if method is not None:
            self.position = locate_function(method)


def check_returns(network: Network, model: Model) -> None:
    """Let a network check what its methods return, each time that they are called."""
    own_class: Any = type(network)
    name = model.name

    class Checked(own_class):
        """The user's class, with checks of what it returns."""

        def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
            noise = super().draw(batch_size, rng)
            start = f"draw of model {name!r}"
            _check_tensors(noise, start, own_class.draw)
            return noise

        def forward(
            self, player: str, batch: Batch, noise: Noise
        ) -> LossAndLogs:
            result = super().forward(player, batch, noise)
            _check_loss(
                result, f"forward of model {name!r}", own_class.forward
            )
            return result

        def evaluate(self, batch: Batch, noise: Noise) -> Outputs:
            outputs = super().evaluate(batch, noise)
            start = f"evaluate of model {name!r}"
            _check_tensors(outputs, start, own_class.evaluate)
            size = len(next(iter(batch.values())))
            _check_sizes(outputs, start, size, own_class.evaluate)
            for output in model.outputs:
                if output not in outputs:
                    raise NetworkError(
                        f"{start} did not return {output!r}, which `outputs` declares",
                        own_class.evaluate,
                    )
            return outputs

        def samples(self, batch: Batch, noise: Noise) -> Samples:
            sheet = super().samples(batch, noise)
            _check_samples(
                sheet, f"samples of model {name!r}", own_class.samples
            )
            return sheet

    Checked.__name__ = own_class.__name__
    Checked.__qualname__ = own_class.__qualname__
    Checked.__module__ = own_class.__module__
    network.__class__ = Checked


def _check_tensors(values: Any, start: str, method: Any) -> None:
    """Raise NetworkError for anything but a dict of tensors."""
    if not isinstance(values, dict):
        raise NetworkError(
            f"{start} returned {show_value(values)}, not a dict of tensors by name",
            method,
        )
    for key, value in values.items():
        if not isinstance(value, Tensor):
            raise NetworkError(
                f"{start}: {key!r} is {show_value(value)}, not a tensor",
                method,
            )


def _check_sizes(
    outputs: Outputs, start: str, size: int, method: Any
) -> None:
    """Raise NetworkError for an output without one entry for each example."""
    for key, value in outputs.items():
        if value.ndim == 0 or len(value) != size:
            raise NetworkError(
                f"{start}: {key!r} is of shape {list(value.shape)}; its first size must be "
                f"{size}, one entry for each example of the batch",
                method,
            )


def _check_loss(result: Any, start: str, method: Any) -> None:
    """Raise NetworkError for anything but a loss and a dict of numbers to log."""
    example = 'return loss, {"loss": loss}'
    is_pair = isinstance(result, (tuple, list)) and len(result) == 2
    if not is_pair:
        raise NetworkError(
            f"{start} returned {_describe(result)}, not a loss and what to log, as in {example}",
            method,
        )
    loss, logged = result
    if not isinstance(loss, Tensor) or loss.ndim > 0:
        raise NetworkError(
            f"{start}: the loss is {_describe(loss)}, not a tensor with one number, such as a mean",
            method,
        )
    if not isinstance(logged, dict):
        raise NetworkError(
            f"{start}: what to log is {_describe(logged)}, not a dict, as in {example}",
            method,
        )
    for key, value in logged.items():
        if not isinstance(value, Tensor) or value.ndim > 0:
            raise NetworkError(
                f"{start}: {key!r} to log is {_describe(value)}, not a tensor with one number",
                method,
            )


def _check_samples(sheet: Any, start: str, method: Any) -> None:
    """Raise NetworkError for anything but pictures or lines of text."""
    if not isinstance(sheet, Samples):
        raise NetworkError(
            f"{start} returned {_describe(sheet)}, not gs.Samples(pictures)",
            method,
        )
    pictures = sheet.pictures
    if pictures is None:
        return
    if not isinstance(pictures, Tensor) or pictures.ndim != 4:
        raise NetworkError(
            f"{start}: the pictures are {_describe(pictures)}, not a tensor "
            "[N, channels, height, width]",
            method,
        )


def _describe(value: Any) -> str:
    """Return a value for a message; of a tensor, its shape, as its numbers may be many."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    return show_value(value)
