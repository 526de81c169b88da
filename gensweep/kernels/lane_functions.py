"""Differentiable functions with an axis of lanes in front, which `vmap` makes longer.

They can be differentiated once: neither `jvp` nor the gradient of a gradient goes through them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gensweep.kernels.lstm_reference import move_lanes


class LaneFunction(torch.autograd.Function):
    """A function of tensors [lanes, ...], with at least one lane, and then of other arguments."""

    @classmethod
    def vmap(
        cls, info: Any, in_dims: tuple[int | None, ...], *args: Any
    ) -> tuple[Any, Any]:
        """Compute the lanes of `vmap` and the function's own as one axis of lanes."""
        size = info.batch_size
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        count = len(tensors)
        stacked = move_lanes(size, tensors, in_dims[:count], [0] * count)
        outputs = cls.apply(
            *(tensor.flatten(0, 1) for tensor in stacked), *args[count:]
        )
        if isinstance(outputs, Tensor):
            return outputs.unflatten(0, (size, -1)), 0
        unstacked = tuple(
            output.unflatten(0, (size, -1)) for output in outputs
        )
        return unstacked, (0,) * len(outputs)


class OnceDifferentiable(LaneFunction):
    """A gradient that has no gradient."""

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]
    ) -> None:
        """Keep nothing: there is no second derivative."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Refuse a second derivative."""
        raise NotImplementedError(
            "second derivatives of a convolution are not implemented"
        )


def add_lane(*tensors: Tensor) -> list[Tensor]:
    """Return the tensors as those of one lane, [1, ...] each."""
    return [tensor.unsqueeze(0) for tensor in tensors]


def put_channels_second(tensors: Tensor) -> Tensor:
    """Return [L, B, H, W, channels] as [L, B, channels, H, W]; in memory they stay last."""
    return tensors.movedim(-1, 2)


def select_needed(
    needed: tuple[bool, ...], gradients: tuple[Tensor, ...]
) -> tuple[Tensor | None, ...]:
    """Return the gradients that are needed, and None for the others."""
    return tuple(
        gradient if is_needed else None
        for is_needed, gradient in zip(needed, gradients, strict=True)
    )
