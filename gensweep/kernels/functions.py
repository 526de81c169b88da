"""The kernels as differentiable functions; where they do not serve, `reference.py` computes.

They can be differentiated once: neither `jvp` nor the gradient of a gradient goes through them.
Inside, an axis of lanes stands in front of everything, pictures [L, B, channels, H, W] and weights
[L, ...]: `vmap` makes it longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gensweep.kernels import bindings, reference
from gensweep.kernels.bindings import SIDES, ConvShape, Direction, Side

if TYPE_CHECKING:
    from gensweep.kernels.trie import Trie


def conv(x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0) -> Tensor:
    """Return a 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, H/2, W/2]."""
    if (pictures := _to_kernels(x, weight)) is None:
        return reference.conv(x, weight, bias, slope)
    return _Conv.apply(*_add_lane(pictures, weight, bias), "conv", slope).squeeze(0)


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0) -> Tensor:
    """Return a transposed 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, 2 H, 2 W]."""
    if (pictures := _to_kernels(x, weight)) is None:
        return reference.conv_transpose(x, weight, bias, slope)
    return _Conv.apply(*_add_lane(pictures, weight, bias), "conv_transpose", slope).squeeze(0)


def conv_same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 3x3 convolution of stride 1: [B, C, H, W] to [B, D, H, W]."""
    if (pictures := _to_kernels(x, weight)) is None:
        return reference.conv_same(x, weight, bias)
    return _ConvSame.apply(*_add_lane(pictures, weight, bias)).squeeze(0)


def lstm(projected: Tensor, weight: Tensor) -> Tensor:
    """Return the hidden states [T, B, H] of an LSTM, of gates [T, B, 4H] and weight [4H, H]."""
    reference.check_lstm(projected, weight)
    if not bindings.takes_gates(projected):
        return reference.lstm(projected, weight)
    return reference.Steps.apply(projected, weight, bindings.lstm_forward, bindings.lstm_backward)[
        0
    ]


def lstm_over_trie(
    projected: Tensor, weight: Tensor, trie: Trie, table_rows: Tensor | None = None
) -> Tensor:
    """Return the hidden states [N, H] at the nodes of a trie: each node is computed once."""
    reference.check_trie(projected, weight, trie, table_rows)
    if not bindings.takes_gates(weight.new_empty(0, len(weight))):
        return reference.lstm_over_trie(projected, weight, trie, table_rows)
    return _Nodes.apply(projected, weight, trie, table_rows)[0]


def _to_kernels(pictures: Tensor, weight: Tensor) -> Tensor | None:
    """Return the pictures in the precision of the products; None where PyTorch computes, or refuses."""
    dtype = reference.product_dtype(pictures)
    if pictures.device.type != "cpu" or dtype != reference.product_dtype(weight):
        return None
    pictures = pictures.to(dtype)
    return pictures if bindings.is_available(pictures) else None


class _Lanes(torch.autograd.Function):
    """A function of tensors [lanes, ...], at least one lane, and then of other arguments; `vmap` adds lanes."""

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        """Compute all lanes of all lanes together."""
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        count = len(tensors)
        lanes = reference.move_lanes(info.batch_size, tensors, in_dims[:count], [0] * count)
        outputs = cls.apply(*(tensor.flatten(0, 1) for tensor in lanes), *args[count:])
        if isinstance(outputs, Tensor):
            return outputs.unflatten(0, (info.batch_size, -1)), 0
        return tuple(part.unflatten(0, (info.batch_size, -1)) for part in outputs), (0,) * len(
            outputs
        )


class _Conv(_Lanes):
    """Activations of pictures, weights and biases."""

    @staticmethod
    def forward(
        pictures: Tensor, weight: Tensor, bias: Tensor, direction: Direction, slope: float
    ) -> Tensor:
        shape, dtype = _shape(direction, pictures, weight, slope), pictures.dtype
        source, target = SIDES[direction]
        outputs = _channels_last(pictures.new_empty(len(pictures), *shape.sizes(target)))
        for lane, batch in enumerate(pictures):
            arrays = {
                source: batch,
                target: outputs[lane],
                "weights": _pack(weight[lane], target, dtype),
            }
            bindings.call_conv(direction, shape, dtype, bias=bias[lane].float(), **arrays)
        return outputs

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pictures, weight, _, direction, slope = inputs
        ctx.options = direction, slope
        ctx.save_for_backward(pictures if slope == 1 else output, pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[:3]
        all_gradients = _ConvGradient.apply(
            *gradients, *ctx.saved_tensors, *ctx.options, wanted[0], any(wanted[1:])
        )
        return *_select(wanted, all_gradients), None, None


class _OnceDifferentiable(_Lanes):
    """A gradient that has no gradient."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("a convolution's second derivatives are not written")


class _ConvGradient(_OnceDifferentiable):
    """Gradients of pictures, weights and biases; those that are not wanted are empty."""

    @staticmethod
    def forward(
        gradient: Tensor, outputs: Tensor, pictures: Tensor, weight: Tensor, direction: Direction, slope: float,
        wants_pictures: bool, wants_weight: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        shape, lanes, dtype = (
            _shape(direction, pictures, weight, slope),
            len(pictures),
            pictures.dtype,
        )
        source, target = SIDES[direction]
        sizes = shape.sizes(source) if wants_pictures else (0, 0, 0, 0)
        to_pictures = _channels_last(pictures.new_empty(lanes, *sizes))
        to_weights = torch.zeros(
            lanes, *((3, 3, shape.large, shape.small) if wants_weight else (0, 1, 1, 1))
        )
        to_bias = torch.zeros(lanes, getattr(shape, target) if wants_weight else 0)
        for lane in range(lanes):
            activations = None if slope == 1 else outputs[lane]
            arrays = {source: pictures[lane], target: activations, "gradient": gradient[lane]}
            if wants_pictures:
                weights = _pack(weight[lane], source, dtype)
                arrays |= {"to_pictures": to_pictures[lane], "weights": weights}
            if wants_weight:
                arrays |= {"to_weights": to_weights[lane], "to_bias": to_bias[lane]}
            bindings.call_conv(f"{direction}_backward", shape, dtype, **arrays)
        to_weight = _channels_last(to_weights.permute(0, 4, 1, 2, 3).contiguous())
        return to_pictures, to_weight.to(weight.dtype), to_bias.to(weight.dtype)


class _ConvSame(_Lanes):
    """Sums of pictures, weights and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        shape, dtype = _shape_same(pictures, weight), pictures.dtype
        outputs = _channels_last(pictures.new_empty(len(pictures), *shape.sizes("small")))
        for lane, batch in enumerate(pictures):
            weights = bindings.pack_down(weight[lane], 1, dtype)
            bindings.call_conv(
                "conv",
                shape,
                dtype,
                large=batch,
                small=outputs[lane],
                weights=weights,
                bias=bias[lane].float(),
            )
        return outputs

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _select(
            ctx.needs_input_grad, _ConvSameGradient.apply(*gradients, *ctx.saved_tensors)
        )


class _ConvSameGradient(_OnceDifferentiable):
    """Gradients of pictures, weights and biases: a convolution in the other direction, of rotated weights."""

    @staticmethod
    def forward(
        gradient: Tensor, pictures: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        rotated = weight.flip(3, 4).transpose(1, 2)
        shape, lanes, dtype = _shape_same(gradient, rotated), len(gradient), gradient.dtype
        to_pictures = _channels_last(gradient.new_empty(lanes, *shape.sizes("small")))
        to_weights = torch.zeros(lanes, 3, 3, shape.large, shape.small)
        for lane, batch in enumerate(gradient):
            weights = bindings.pack_down(rotated[lane], 1, dtype)
            bindings.call_conv(
                "conv", shape, dtype, large=batch, small=to_pictures[lane], weights=weights
            )
            bindings.call_conv(
                "conv_backward",
                shape,
                dtype,
                large=batch,
                gradient=pictures[lane],
                to_weights=to_weights[lane],
            )
        to_weight = _channels_last(to_weights.flip(1, 2).permute(0, 3, 1, 2, 4).contiguous())
        return to_pictures, to_weight.to(weight.dtype), gradient.sum((1, 3, 4), dtype=weight.dtype)


class _Nodes(torch.autograd.Function):
    """The states at a trie's nodes, and what their gradient needs: gates [N, 4H], cells and their tanh [N, H]."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, weight: Tensor, trie: Trie, table_rows: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates = weight.new_empty(len(trie.codes), len(weight))
        states, cells, cells_tanh = (
            weight.new_empty(len(gates), weight.shape[-1]) for _ in range(3)
        )
        bindings.lstm_forward(
            projected.to(weight.dtype), weight, gates, cells, cells_tanh, states, trie, table_rows
        )
        ctx.trie, ctx.table_rows, ctx.projected_rows = trie, table_rows, len(projected)
        ctx.save_for_backward(weight, states, gates, cells, cells_tanh)
        ctx.mark_non_differentiable(gates, cells, cells_tanh)
        ctx.set_materialize_grads(False)
        return states, gates, cells, cells_tanh

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        gradient, trie, table_rows = gradients[0], ctx.trie, ctx.table_rows
        if gradient is None:
            return None, None, None, None
        weight, states, gates, cells, cells_tanh = ctx.saved_tensors
        to_projected, to_sums = torch.empty_like(gates), gates.new_empty(trie.inner, len(weight))
        to_table = None
        if table_rows is not None:
            to_table = gates.new_zeros(ctx.projected_rows, len(weight), dtype=torch.float32)
        # The forward pass was computed outside of autocast, whatever surrounds the backward pass.
        with torch.autocast(gates.device.type, enabled=False):
            bindings.lstm_backward(
                gradient,
                weight,
                gates,
                cells,
                cells_tanh,
                to_projected,
                trie,
                to_sums,
                table_rows,
                to_table,
            )
            to_weight = to_sums.mT @ states[: trie.inner]
        return to_projected if to_table is None else to_table, to_weight, None, None


def _add_lane(*tensors: Tensor) -> list[Tensor]:
    return [tensor.unsqueeze(0) for tensor in tensors]


def _shape(direction: Direction, pictures: Tensor, weight: Tensor, slope: float) -> ConvShape:
    """Return the shape of one lane's convolution of stride 2."""
    small, large = weight.shape[1:3]
    count, _, height, width = pictures.shape[1:]
    scale = 2 if direction == "conv" else 1
    return bindings.conv_shape(count, height // scale, width // scale, large, small, slope=slope)


def _shape_same(pictures: Tensor, weight: Tensor) -> ConvShape:
    """Return the shape of one lane's convolution of stride 1."""
    count, _, height, width = pictures.shape[1:]
    return bindings.conv_shape(count, height, width, weight.shape[2], weight.shape[1], stride=1)


def _pack(weight: Tensor, target: Side, dtype: torch.dtype) -> Tensor:
    """Return the weights as the kernel reads them that makes the pictures of a side."""
    if target == "small":
        return bindings.pack_down(weight, 2, dtype)
    return bindings.pack_up(weight, dtype)


def _channels_last(tensors: Tensor) -> Tensor:
    """Return [L, B, H, W, channels] as [L, B, channels, H, W]."""
    return tensors.movedim(-1, 2)


def _select(wanted: tuple[bool, ...], gradients: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    return tuple(
        gradient if want else None for want, gradient in zip(wanted, gradients, strict=True)
    )
