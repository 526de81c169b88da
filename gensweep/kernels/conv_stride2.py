"""The functions of convolutions of stride 2 in either direction, and their gradients.

Pictures are [L, B, channels, H, W] and weights [L, ...], with an axis of lanes in front.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gensweep.kernels import conv_calls
from gensweep.kernels.bindings import ConvShape, Side
from gensweep.kernels.conv_calls import SIDES, Direction
from gensweep.kernels.lane_functions import (
    LaneFunction,
    OnceDifferentiable,
    put_channels_second,
    select_needed,
)


class Conv(LaneFunction):
    """Activations of pictures, weights and biases."""

    @staticmethod
    def forward(
        pictures: Tensor,
        weight: Tensor,
        bias: Tensor,
        direction: Direction,
        slope: float,
    ) -> Tensor:
        """Compute each lane by a kernel."""
        shape = _make_shape(direction, pictures, weight, slope)
        dtype = pictures.dtype
        source, target = SIDES[direction]
        outputs = pictures.new_empty(len(pictures), *shape.get_sizes(target))
        outputs = put_channels_second(outputs)
        for lane, batch in enumerate(pictures):
            arrays = {
                source: batch,
                target: outputs[lane],
                "weights": _pack(weight[lane], target, dtype),
            }
            conv_calls.call_conv(
                direction, shape, dtype, bias=bias[lane].float(), **arrays
            )
        return outputs

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: Tensor
    ) -> None:
        """Keep what the gradient needs."""
        pictures, weight, _, direction, slope = inputs
        ctx.options = direction, slope
        # Without activation the gradient needs no outputs; any tensor takes their place.
        activations = pictures if slope == 1 else output
        ctx.save_for_backward(activations, pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of each argument; None where nobody needs it."""
        needed = ctx.needs_input_grad[:3]
        needs_pictures, needs_weight = needed[0], any(needed[1:])
        computed = _ConvGradient.apply(
            *gradients,
            *ctx.saved_tensors,
            *ctx.options,
            needs_pictures,
            needs_weight,
        )
        return *select_needed(needed, computed), None, None


class _ConvGradient(OnceDifferentiable):
    """Gradients of pictures, weights and biases; those that nobody needs are empty."""

    @staticmethod
    def forward(
        gradient: Tensor,
        outputs: Tensor,
        pictures: Tensor,
        weight: Tensor,
        direction: Direction,
        slope: float,
        needs_pictures: bool,
        needs_weight: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute each lane by a kernel."""
        shape = _make_shape(direction, pictures, weight, slope)
        lanes, dtype = len(pictures), pictures.dtype
        source, target = SIDES[direction]
        sizes, weight_sizes, channels = (0, 0, 0, 0), (0, 1, 1, 1), 0
        if needs_pictures:
            sizes = shape.get_sizes(source)
        if needs_weight:
            weight_sizes = (3, 3, shape.large, shape.small)
            channels = getattr(shape, target)
        to_pictures = put_channels_second(pictures.new_empty(lanes, *sizes))
        # The kernels add to these.
        to_weights = torch.zeros(lanes, *weight_sizes)
        to_bias = torch.zeros(lanes, channels)
        for lane in range(lanes):
            activations = None if slope == 1 else outputs[lane]
            arrays = {
                source: pictures[lane],
                target: activations,
                "gradient": gradient[lane],
            }
            if needs_pictures:
                weights = _pack(weight[lane], source, dtype)
                arrays |= {
                    "to_pictures": to_pictures[lane],
                    "weights": weights,
                }
            if needs_weight:
                arrays |= {
                    "to_weights": to_weights[lane],
                    "to_bias": to_bias[lane],
                }
            conv_calls.call_conv(
                f"{direction}_backward", shape, dtype, **arrays
            )
        to_weight = put_channels_second(
            to_weights.permute(0, 4, 1, 2, 3).contiguous()
        )
        return (
            to_pictures,
            to_weight.to(weight.dtype),
            to_bias.to(weight.dtype),
        )


def _make_shape(
    direction: Direction, pictures: Tensor, weight: Tensor, slope: float
) -> ConvShape:
    """Return the shape of one lane's convolution of stride 2."""
    small, large = weight.shape[1:3]
    count, _, height, width = pictures.shape[1:]
    scale = 2 if direction == "conv" else 1
    return conv_calls.make_shape(
        count, height // scale, width // scale, large, small, slope=slope
    )


def _pack(weight: Tensor, target: Side, dtype: torch.dtype) -> Tensor:
    """Return the weights as the kernel reads them that computes the pictures of a side."""
    if target == "small":
        return conv_calls.pack_down(weight, 2, dtype)
    return conv_calls.pack_up(weight, dtype)
