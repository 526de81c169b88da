"""Convolutions as differentiable functions; `reference.py` computes what no kernel does.

They can be differentiated once: neither `jvp` nor the gradient of a gradient goes through them.

Inside, there is an axis of lanes in front: pictures [L, B, channels, H, W] and weights [L, ...].
`vmap` makes it longer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gensweep.kernels import bindings, conv_calls, reference
from gensweep.kernels.bindings import ConvShape, Side
from gensweep.kernels.conv_calls import SIDES, Direction
from gensweep.kernels.lstm_reference import move_lanes


def conv(x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0) -> Tensor:
    """Return a 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, H/2, W/2]."""
    pictures = _to_kernels(x, weight)
    if pictures is None:
        return reference.conv(x, weight, bias, slope)
    return _Conv.apply(
        *_add_lane(pictures, weight, bias), "conv", slope
    ).squeeze(0)


def conv_transpose(
    x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0
) -> Tensor:
    """Return a transposed 3x3 convolution of stride 2 and a leaky ReLU.

    [B, C, H, W] to [B, D, 2 H, 2 W].
    """
    pictures = _to_kernels(x, weight)
    if pictures is None:
        return reference.conv_transpose(x, weight, bias, slope)
    return _Conv.apply(
        *_add_lane(pictures, weight, bias), "conv_transpose", slope
    ).squeeze(0)


def conv_same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 3x3 convolution of stride 1: [B, C, H, W] to [B, D, H, W]."""
    pictures = _to_kernels(x, weight)
    if pictures is None:
        return reference.conv_same(x, weight, bias)
    return _ConvSame.apply(*_add_lane(pictures, weight, bias)).squeeze(0)


def _to_kernels(pictures: Tensor, weight: Tensor) -> Tensor | None:
    """Return the pictures in the precision of the products; None if PyTorch has to compute."""
    dtype = reference.get_product_dtype(pictures)
    if pictures.device.type != "cpu" or dtype != reference.get_product_dtype(
        weight
    ):
        return None
    pictures = pictures.to(dtype)
    if not bindings.is_available(pictures):
        return None
    return pictures


# --- lanes


class _LaneFunction(torch.autograd.Function):
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
        unstacked = tuple(output.unflatten(0, (size, -1)) for output in outputs)
        return unstacked, (0,) * len(outputs)


class _OnceDifferentiable(_LaneFunction):
    """A gradient that has no gradient."""

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]
    ) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError(
            "second derivatives of a convolution are not implemented"
        )


# --- stride 2


class _Conv(_LaneFunction):
    """Activations of pictures, weights and biases."""

    @staticmethod
    def forward(
        pictures: Tensor,
        weight: Tensor,
        bias: Tensor,
        direction: Direction,
        slope: float,
    ) -> Tensor:
        shape = _make_shape(direction, pictures, weight, slope)
        dtype = pictures.dtype
        source, target = SIDES[direction]
        outputs = pictures.new_empty(len(pictures), *shape.get_sizes(target))
        outputs = _put_channels_second(outputs)
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
        pictures, weight, _, direction, slope = inputs
        ctx.options = direction, slope
        # Without activation the gradient needs no outputs; any tensor takes their place.
        activations = pictures if slope == 1 else output
        ctx.save_for_backward(activations, pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[:3]
        needs_pictures, needs_weight = needed[0], any(needed[1:])
        computed = _ConvGradient.apply(
            *gradients,
            *ctx.saved_tensors,
            *ctx.options,
            needs_pictures,
            needs_weight,
        )
        return *_select(needed, computed), None, None


class _ConvGradient(_OnceDifferentiable):
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
        shape = _make_shape(direction, pictures, weight, slope)
        lanes, dtype = len(pictures), pictures.dtype
        source, target = SIDES[direction]
        sizes, weight_sizes, channels = (0, 0, 0, 0), (0, 1, 1, 1), 0
        if needs_pictures:
            sizes = shape.get_sizes(source)
        if needs_weight:
            weight_sizes = (3, 3, shape.large, shape.small)
            channels = getattr(shape, target)
        to_pictures = _put_channels_second(pictures.new_empty(lanes, *sizes))
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
                arrays |= {"to_pictures": to_pictures[lane], "weights": weights}
            if needs_weight:
                arrays |= {
                    "to_weights": to_weights[lane],
                    "to_bias": to_bias[lane],
                }
            conv_calls.call_conv(
                f"{direction}_backward", shape, dtype, **arrays
            )
        to_weight = _put_channels_second(
            to_weights.permute(0, 4, 1, 2, 3).contiguous()
        )
        return to_pictures, to_weight.to(weight.dtype), to_bias.to(weight.dtype)


# --- stride 1


class _ConvSame(_LaneFunction):
    """Sums of pictures, weights and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        shape = _make_shape_same(pictures, weight)
        dtype = pictures.dtype
        outputs = pictures.new_empty(len(pictures), *shape.get_sizes("small"))
        outputs = _put_channels_second(outputs)
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
        pictures, weight, _ = inputs
        ctx.save_for_backward(pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        computed = _ConvSameGradient.apply(*gradients, *ctx.saved_tensors)
        return _select(ctx.needs_input_grad, computed)


class _ConvSameGradient(_OnceDifferentiable):
    """Gradients of pictures, weights and biases.

    They are a convolution in the other direction, with rotated weights.
    """

    @staticmethod
    def forward(
        gradient: Tensor, pictures: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        rotated = weight.flip(3, 4).transpose(1, 2)
        shape = _make_shape_same(gradient, rotated)
        lanes, dtype = len(gradient), gradient.dtype
        to_pictures = gradient.new_empty(lanes, *shape.get_sizes("small"))
        to_pictures = _put_channels_second(to_pictures)
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
        to_weight = _put_channels_second(to_weight)
        to_bias = gradient.sum((1, 3, 4), dtype=weight.dtype)
        return to_pictures, to_weight.to(weight.dtype), to_bias


# --- helpers


def _add_lane(*tensors: Tensor) -> list[Tensor]:
    return [tensor.unsqueeze(0) for tensor in tensors]


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


def _make_shape_same(pictures: Tensor, weight: Tensor) -> ConvShape:
    """Return the shape of one lane's convolution of stride 1."""
    small, large = weight.shape[1:3]
    count, _, height, width = pictures.shape[1:]
    return conv_calls.make_shape(count, height, width, large, small, stride=1)


def _pack(weight: Tensor, target: Side, dtype: torch.dtype) -> Tensor:
    """Return the weights as the kernel reads them that computes the pictures of a side."""
    if target == "small":
        return conv_calls.pack_down(weight, 2, dtype)
    return conv_calls.pack_up(weight, dtype)


def _put_channels_second(tensors: Tensor) -> Tensor:
    """Return [L, B, H, W, channels] as [L, B, channels, H, W]; in memory they stay last."""
    return tensors.movedim(-1, 2)


def _select(
    needed: tuple[bool, ...], gradients: tuple[Tensor, ...]
) -> tuple[Tensor | None, ...]:
    """Return the gradients that are needed, and None for the others."""
    return tuple(
        gradient if is_needed else None
        for is_needed, gradient in zip(needed, gradients, strict=True)
    )
