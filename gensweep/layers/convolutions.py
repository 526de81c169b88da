"""The convolutions of pictures: those that halve their sides, their transposes, and the last one, to colours.

On a CPU the kernels of `convolution.c` compute them with the leaky ReLU behind; where those do not serve, PyTorch does.
Within, several lanes stand in front of everything: pictures [L, B, channels, H, W], kernels [L, ...].
"""

from __future__ import annotations

from typing import Any, Literal

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
    """

    def __init__(self, inside: int, outside: int, slope: float = 0.0) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1)
        self.slope = slope

    def forward(self, input: Tensor) -> Tensor:
        """Activations [B, outside, H/2, W/2] of [B, inside, H, W]."""
        if compiled.serves(input):
            return _pass("convolve", input, self.weight, self.bias, self.slope)
        return _activated(super().forward(input), self.slope)


class Doubling(nn.ConvTranspose2d):
    """A transposed 3x3 convolution of stride 2 and a leaky ReLU: [B, inside, H, W] to [B, outside, 2 H, 2 W].

    Args:
        inside, outside: channels.
        slope: of the leaky ReLU; 0 is the plain one, 1 none.
    """

    def __init__(self, inside: int, outside: int, slope: float = 0.0) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1, output_padding=1)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:  # ty: ignore[incompatible-method-override]
        """Activations [B, outside, 2 H, 2 W] of [B, inside, H, W]."""
        if compiled.serves(x):
            return _pass("transpose", x, self.weight, self.bias, self.slope)
        return _activated(super().forward(x), self.slope)


class Colours(nn.Conv2d):
    """A 3x3 convolution: [B, inside, H, W] to [B, outside, H, W]."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Sums [B, outside, H, W] of [B, inside, H, W]."""
        if compiled.serves(input):
            return _Colours.apply(*_lane(input, self.weight, self.bias)).squeeze(0)
        return super().forward(input)


def _activated(sums: Tensor, slope: float) -> Tensor:
    return sums if slope == 1 else F.leaky_relu(sums, slope) if slope else F.relu(sums)


def _pass(way: Way, pictures: Tensor, weight: Tensor, bias: Tensor | None, slope: float) -> Tensor:
    return _Pass.apply(*_lane(pictures, weight, bias), way, slope).squeeze(0)


def _lane(*parts: Tensor | None) -> list[Tensor]:
    """One lane; these layers all have a bias."""
    return [part.unsqueeze(0) for part in parts if part is not None]


def _fitting(way: Way, pictures: Tensor, weight: Tensor, slope: float) -> Shape:
    """The shape of one lane's pass.

    Raises:
        ValueError: pictures and kernels do not fit each other, or an odd side cannot be halved.
    """
    small, large = weight.shape[1:3]
    count, channels, height, width = pictures.shape[1:]
    scale = 2 if way == "convolve" else 1
    if channels != (large if way == "convolve" else small) or height % scale or width % scale:
        raise ValueError(f"pictures {list(pictures.shape[1:])} do not fit kernels {list(weight.shape[1:])}")
    return shape_of(count, height // scale, width // scale, large, small, slope=slope)


def _read(weight: Tensor, made: Side) -> Tensor:
    return kernels_down(weight, 2) if made == "small" else kernels_up(weight)


def _channels_last(tensors: Tensor) -> Tensor:
    """[L, B, H, W, channels] as [L, B, channels, H, W]."""
    return tensors.movedim(-1, 2)


class _Pass(Laned):
    """Activations of pictures, kernels and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor, way: Way, slope: float) -> Tensor:
        shape = _fitting(way, pictures, weight, slope)
        source, target = _SIDES[way]
        made = _channels_last(pictures.new_empty(len(pictures), *shape.sizes(target)))
        for lane, given in enumerate(pictures):
            kernels = _read(weight[lane], target)
            call(way, shape, **{source: given, target: made[lane], "kernels": kernels, "bias": bias[lane]})
        return made

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pictures, weight, _, *ctx.how = inputs
        ctx.save_for_backward(output, pictures, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[:2]
        to_pictures, *to_weights = _Gradients.apply(*gradients, *ctx.saved_tensors, *ctx.how, *wanted)
        return to_pictures if wanted[0] else None, *(to_weights if wanted[1] else (None, None)), None, None


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
        shape, lanes = _fitting(way, pictures, weight, slope), len(pictures)
        source, target = _SIDES[way]
        to_pictures = _channels_last(pictures.new_empty(lanes, *(shape.sizes(source) if wants_pictures else (0,) * 4)))
        to_kernels = pictures.new_zeros(lanes, *((3, 3, shape.large, shape.small) if wants_weight else (0, 1, 1, 1)))
        to_bias = pictures.new_zeros(lanes, getattr(shape, target) if wants_weight else 0)
        for lane in range(lanes):
            arrays = {source: pictures[lane], target: None if slope == 1 else made[lane], "gradient": gradient[lane]}
            if wants_pictures:
                arrays |= {"to_pictures": to_pictures[lane], "kernels": _read(weight[lane], source)}
            if wants_weight:
                arrays |= {"to_kernels": to_kernels[lane], "to_bias": to_bias[lane]}
            call(f"{way}_back", shape, **arrays)
        to_weight = _channels_last(to_kernels.permute(0, 4, 1, 2, 3).contiguous())
        return to_pictures, to_weight, to_bias


class _Colours(Laned):
    """Sums of pictures, kernels and biases."""

    @staticmethod
    def forward(pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        shape = _same(pictures, weight)
        made = _channels_last(pictures.new_empty(len(pictures), *shape.sizes("small")))
        for lane, given in enumerate(pictures):
            kernels = kernels_down(weight[lane], 1)
            call("convolve", shape, large=given, small=made[lane], kernels=kernels, bias=bias[lane])
        return made

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _ColoursGradients.apply(*gradients, *ctx.saved_tensors)


class _ColoursGradients(_Once):
    """Gradients of pictures, kernels and biases: those of a convolution the other way, its kernels turned round."""

    @staticmethod
    def forward(gradient: Tensor, pictures: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        turned = weight.flip(3, 4).transpose(1, 2)
        shape, lanes = _same(gradient, turned), len(gradient)
        to_pictures = _channels_last(gradient.new_empty(lanes, *shape.sizes("small")))
        to_kernels = gradient.new_zeros(lanes, 3, 3, shape.large, shape.small)
        for lane, given in enumerate(gradient):
            call("convolve", shape, large=given, small=to_pictures[lane], kernels=kernels_down(turned[lane], 1))
            call("convolve_back", shape, large=given, gradient=pictures[lane], to_kernels=to_kernels[lane])
        to_weight = _channels_last(to_kernels.flip(1, 2).permute(0, 3, 1, 2, 4).contiguous())
        return to_pictures, to_weight, gradient.sum((1, 3, 4))


def _same(pictures: Tensor, weight: Tensor) -> Shape:
    """The shape of one lane's convolution to pictures of the same size.

    Raises:
        ValueError: pictures and kernels do not fit each other.
    """
    count, channels, height, width = pictures.shape[1:]
    if channels != weight.shape[2]:
        raise ValueError(f"pictures {list(pictures.shape[1:])} do not fit kernels {list(weight.shape[1:])}")
    return shape_of(count, height, width, channels, weight.shape[1], stride=1)
