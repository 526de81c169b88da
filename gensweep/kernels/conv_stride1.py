"""The function of convolutions of stride 1, and its gradient.

Pictures are [L, B, channels, H, W] and weights [L, ...], with an axis of lanes in front.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gensweep.kernels import conv_calls
from gensweep.kernels.bindings import ConvShape
from gensweep.kernels.lane_functions import (
    LaneFunction,
    OnceDifferentiable,
    put_channels_second,
    select_needed,
)


class ConvSame(LaneFunction):
    """Sums of pictures, weights and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Compute each lane by a kernel."""
        shape = _make_shape(pictures, weight)
        dtype = pictures.dtype
        outputs = pictures.new_empty(len(pictures), *shape.get_sizes("small"))
        outputs = put_channels_second(outputs)
        for lane, batch in enumerate(pictures):
            conv_calls.call_conv(
                "conv",
                shape,
                dtype,
                large=batch,
                small=outputs[lane],
                weights=conv_calls.pack_down(weight[lane], 1, dtype),
                bias=bias[lane].float(),
            )
        return outputs

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: Tensor
    ) -> None:
        """Keep what the gradient needs."""
        pictures, weight, _ = inputs
        ctx.save_for_backward(pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of each argument; None where nobody needs it."""
        computed = _ConvSameGradient.apply(*gradients, *ctx.saved_tensors)
        return select_needed(ctx.needs_input_grad, computed)


class _ConvSameGradient(OnceDifferentiable):
    """Gradients of pictures, weights and biases.

    They are a convolution in the other direction, with rotated weights.
    """

    @staticmethod
    def forward(
        gradient: Tensor, pictures: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute each lane by a kernel."""
        rotated = weight.flip(3, 4).transpose(1, 2)
        shape = _make_shape(gradient, rotated)
        lanes, dtype = len(gradient), gradient.dtype
        to_pictures = gradient.new_empty(lanes, *shape.get_sizes("small"))
        to_pictures = put_channels_second(to_pictures)
        to_weights = torch.zeros(lanes, 3, 3, shape.large, shape.small)
        for lane, batch in enumerate(gradient):
            conv_calls.call_conv(
                "conv",
                shape,
                dtype,
                large=batch,
                small=to_pictures[lane],
                weights=conv_calls.pack_down(rotated[lane], 1, dtype),
            )
            conv_calls.call_conv(
                "conv_backward",
                shape,
                dtype,
                large=batch,
                gradient=pictures[lane],
                to_weights=to_weights[lane],
            )
        # Rotated back, with the channels of both sides exchanged.
        to_weight = to_weights.flip(1, 2).permute(0, 3, 1, 2, 4).contiguous()
        to_weight = put_channels_second(to_weight)
        to_bias = gradient.sum((1, 3, 4), dtype=weight.dtype)
        return to_pictures, to_weight.to(weight.dtype), to_bias


def _make_shape(pictures: Tensor, weight: Tensor) -> ConvShape:
    """Return the shape of one lane's convolution of stride 1."""
    small, large = weight.shape[1:3]
    count, _, height, width = pictures.shape[1:]
    return conv_calls.make_shape(count, height, width, large, small, stride=1)
