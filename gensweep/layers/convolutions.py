"""The convolutions of pictures: those that halve their sides, their transposes, and the last one, to colours.

On a CPU the kernels of `convolution.c` compute them with the leaky ReLU behind; where those do not serve, PyTorch does.
These derive once: neither `jvp` nor a gradient's gradient goes through them.
Within, several lanes stand in front of everything: pictures [L, B, channels, H, W], kernels [L, ...].
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.layers import compiled
from gensweep.layers._convolution import Shape, Side, call, kernels_down, kernels_up, shape_of
from gensweep.layers.laned import Laned

Way = Literal["convolve", "transpose"]
_SIDES: dict[Way, tuple[Side, Side]] = {"convolve": ("large", "small"), "transpose": ("small", "large")}
"""Where pictures come from, and which are made."""


class Halving(nn.Conv2d):
    """A 3x3 convolution of stride 2 and a leaky ReLU: [B, inside, H, W] to [B, outside, H/2, W/2], H and W even.

    Args:
        inside, outside: channels.
        slope: of the leaky ReLU; 0 is the plain one, 1 none.

    Raises:
        ValueError: the slope is negative, so that activations would not tell the sums' sign; or, when it is called,
            pictures do not fit.
    """

    def __init__(self, inside: int, outside: int, slope: float = 0.0) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1)
        self.slope = _not_negative(slope)

    def forward(self, input: Tensor) -> Tensor:
        """Activations [B, outside, H/2, W/2] of [B, inside, H, W]."""
        _check(input, self.in_channels, halved=True)
        if (given := _served(input, self.weight)) is not None:
            return _pass("convolve", given, self.weight, self.bias, self.slope)
        return _activated(super().forward(input), self.slope)

    def extra_repr(self) -> str:
        """What a printed network says of the layer."""
        return f"{super().extra_repr()}, slope={self.slope:g}"


class Doubling(nn.ConvTranspose2d):
    """A transposed 3x3 convolution of stride 2 and a leaky ReLU: [B, inside, H, W] to [B, outside, 2 H, 2 W].

    Args:
        inside, outside: channels.
        slope: of the leaky ReLU; 0 is the plain one, 1 none.

    Raises:
        ValueError: the slope is negative, so that activations would not tell the sums' sign; or, when it is called,
            pictures do not fit.
    """

    def __init__(self, inside: int, outside: int, slope: float = 0.0) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1, output_padding=1)
        self.slope = _not_negative(slope)

    def forward(self, x: Tensor) -> Tensor:  # ty: ignore[incompatible-method-override]
        """Activations [B, outside, 2 H, 2 W] of [B, inside, H, W]."""
        _check(x, self.in_channels)
        if (given := _served(x, self.weight)) is not None:
            return _pass("transpose", given, self.weight, self.bias, self.slope)
        return _activated(super().forward(x), self.slope)

    def extra_repr(self) -> str:
        """What a printed network says of the layer."""
        return f"{super().extra_repr()}, slope={self.slope:g}"


class Colours(nn.Conv2d):
    """A 3x3 convolution: [B, inside, H, W] to [B, outside, H, W].

    Raises:
        ValueError: pictures do not fit, when it is called.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Sums [B, outside, H, W] of [B, inside, H, W]."""
        _check(input, self.in_channels)
        if (given := _served(input, self.weight)) is not None:
            return _Colours.apply(*_lane(given, self.weight, self.bias)).squeeze(0)
        return super().forward(input)


class Flatten(nn.Module):
    """[B, channels, H, W] to [B, H W channels]: channels last, as pictures lie, so that nothing is copied."""

    def forward(self, pictures: Tensor) -> Tensor:
        """A view."""
        return pictures.movedim(1, -1).flatten(1)


class Unflatten(nn.Module):
    """[B, H W channels] to [B, channels, H, W], the other way round.

    Args:
        channels, height, width: of the pictures.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self._shape = height, width, channels

    def forward(self, flat: Tensor) -> Tensor:
        """A view."""
        return flat.unflatten(1, self._shape).movedim(-1, 1)


def _not_negative(slope: float) -> float:
    if not slope >= 0:
        raise ValueError(f"slope {slope:g} is not a number from 0 on")
    return slope


def _check(pictures: Tensor, channels: int, halved: bool = False) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != channels or not all(pictures.shape[2:]):
        raise ValueError(f"pictures {list(pictures.shape)} do not fit: [B, {channels}, H, W] is wanted")
    if halved and (pictures.shape[2] % 2 or pictures.shape[3] % 2):
        raise ValueError(f"pictures {list(pictures.shape)} do not fit: an odd side cannot be halved")


def _served(pictures: Tensor, weight: Tensor) -> Tensor | None:
    """The pictures as the kernels take them; None where PyTorch computes, or refuses."""
    if pictures.device.type != "cpu" or compiled.computed(pictures) != compiled.computed(weight):
        return None
    given = compiled.cast(pictures)
    return given if compiled.serves(given) else None


def _activated(sums: Tensor, slope: float) -> Tensor:
    return sums if slope == 1 else F.leaky_relu(sums, slope) if slope else F.relu(sums)


def _pass(way: Way, pictures: Tensor, weight: Tensor, bias: Tensor | None, slope: float) -> Tensor:
    return _Pass.apply(*_lane(pictures, weight, bias), way, slope).squeeze(0)


def _lane(*parts: Tensor | None) -> list[Tensor]:
    """One lane."""
    assert parts[-1] is not None, "these layers all have a bias"
    return [part.unsqueeze(0) for part in parts if part is not None]


def _shape(way: Way, pictures: Tensor, weight: Tensor, slope: float) -> Shape:
    """The shape of one lane's pass."""
    small, large = weight.shape[1:3]
    count, _, height, width = pictures.shape[1:]
    scale = 2 if way == "convolve" else 1
    return shape_of(count, height // scale, width // scale, large, small, slope=slope)


def _read(weight: Tensor, made: Side, like: Tensor) -> Tensor:
    return kernels_down(weight, 2, like.dtype) if made == "small" else kernels_up(weight, like.dtype)


def _channels_last(tensors: Tensor) -> Tensor:
    """[L, B, H, W, channels] as [L, B, channels, H, W]."""
    return tensors.movedim(-1, 2)


def _only(wanted: tuple[bool, ...], gradients: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    return tuple(gradient if want else None for want, gradient in zip(wanted, gradients, strict=True))


class _Pass(Laned):
    """Activations of pictures, kernels and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor, way: Way, slope: float) -> Tensor:
        shape, dtype = _shape(way, pictures, weight, slope), pictures.dtype
        source, target = _SIDES[way]
        made = _channels_last(pictures.new_empty(len(pictures), *shape.sizes(target)))
        for lane, given in enumerate(pictures):
            arrays = {source: given, target: made[lane], "kernels": _read(weight[lane], target, given)}
            call(way, shape, dtype, bias=bias[lane].float(), **arrays)
        return made

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pictures, weight, _, way, slope = inputs
        ctx.how = way, slope
        ctx.save_for_backward(pictures if slope == 1 else output, pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[:3]
        found = _Gradients.apply(*gradients, *ctx.saved_tensors, *ctx.how, wanted[0], any(wanted[1:]))
        return *_only(wanted, found), None, None


class _Once(Laned):
    """What is not differentiable again."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("a convolution's second derivatives are not written")


class _Gradients(_Once):
    """Gradients of pictures, kernels and biases; empty ones of what is not wanted."""

    @staticmethod
    def forward(
        gradient: Tensor, made: Tensor, pictures: Tensor, weight: Tensor, way: Way, slope: float,
        wants_pictures: bool, wants_weight: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        shape, lanes = _shape(way, pictures, weight, slope), len(pictures)
        source, target = _SIDES[way]
        to_pictures = _channels_last(pictures.new_empty(lanes, *(shape.sizes(source) if wants_pictures else (0,) * 4)))
        to_kernels = torch.zeros(lanes, *((3, 3, shape.large, shape.small) if wants_weight else (0, 1, 1, 1)))
        to_bias = torch.zeros(lanes, getattr(shape, target) if wants_weight else 0)
        for lane in range(lanes):
            arrays = {source: pictures[lane], target: None if slope == 1 else made[lane], "gradient": gradient[lane]}
            if wants_pictures:
                arrays |= {"to_pictures": to_pictures[lane], "kernels": _read(weight[lane], source, pictures)}
            if wants_weight:
                arrays |= {"to_kernels": to_kernels[lane], "to_bias": to_bias[lane]}
            call(f"{way}_back", shape, pictures.dtype, **arrays)
        to_weight = _channels_last(to_kernels.permute(0, 4, 1, 2, 3).contiguous())
        return to_pictures, to_weight.to(weight.dtype), to_bias.to(weight.dtype)


class _Colours(Laned):
    """Sums of pictures, kernels and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        shape, dtype = _same(pictures, weight), pictures.dtype
        made = _channels_last(pictures.new_empty(len(pictures), *shape.sizes("small")))
        for lane, given in enumerate(pictures):
            kernels = kernels_down(weight[lane], 1, dtype)
            call("convolve", shape, dtype, large=given, small=made[lane], kernels=kernels, bias=bias[lane].float())
        return made

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _only(ctx.needs_input_grad, _ColoursGradients.apply(*gradients, *ctx.saved_tensors))


class _ColoursGradients(_Once):
    """Gradients of pictures, kernels and biases: those of a convolution the other way, its kernels turned round."""

    @staticmethod
    def forward(gradient: Tensor, pictures: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        turned = weight.flip(3, 4).transpose(1, 2)
        shape, lanes, dtype = _same(gradient, turned), len(gradient), gradient.dtype
        to_pictures = _channels_last(gradient.new_empty(lanes, *shape.sizes("small")))
        to_kernels = torch.zeros(lanes, 3, 3, shape.large, shape.small)
        for lane, given in enumerate(gradient):
            kernels = kernels_down(turned[lane], 1, dtype)
            call("convolve", shape, dtype, large=given, small=to_pictures[lane], kernels=kernels)
            call("convolve_back", shape, dtype, large=given, gradient=pictures[lane], to_kernels=to_kernels[lane])
        to_weight = _channels_last(to_kernels.flip(1, 2).permute(0, 3, 1, 2, 4).contiguous())
        return to_pictures, to_weight.to(weight.dtype), gradient.sum((1, 3, 4), dtype=weight.dtype)


def _same(pictures: Tensor, weight: Tensor) -> Shape:
    """The shape of one lane's convolution to pictures of the same size."""
    count, _, height, width = pictures.shape[1:]
    return shape_of(count, height, width, weight.shape[2], weight.shape[1], stride=1)
