"""Two convolutions of pictures with the numbers of PyTorch's, faster on CPUs in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 3
"""Channels of which a core computes so few at once that a product of all kernels is faster."""


class Doubling(nn.ConvTranspose2d):
    """A transposed 3x3 convolution of stride 2: [B, inside, H, W] to [B, outside, 2 H, 2 W].

    It is the gradient of a convolution, so that convolution gives its own gradient. For channels-last
    tensors oneDNN computes the weights' several times faster this way, with the same digits. To a few channels, which
    leave most of a core idle, one product computes what each pixel adds to those around it.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:  # ty: ignore[incompatible-method-override]
        """Sums [B, outside, 2 H, 2 W] of [B, inside, H, W]."""
        return _Doubling.apply(x, self.weight, self.bias) if _gains(x) else super().forward(x)


class Colours(nn.Conv2d):
    """A 3x3 convolution from many channels to a few: [B, inside, H, W] to [B, outside, H, W], H and W even.

    A core computes 16 channels at once, and three leave it idle. So a convolution of stride 2 computes blocks of 2x2
    pixels as four times the channels: each kernel is laid into one of 4x4 at the four places that it has in a block.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Sums [B, outside, H, W] of [B, inside, H, W]."""
        return _Colours.apply(input, self.weight, self.bias) if _gains(input) else super().forward(input)


def _gains(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.ndim == 4 and not torch.is_autocast_enabled("cpu")


class _Convolution(torch.autograd.Function):
    """Of an input, kernels and biases; its gradient needs the first two."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])


class _Doubling(_Convolution):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if weight.shape[1] > FEW:
            return F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)
        kernels, pixels = weight.permute(2, 3, 1, 0), x.transpose(0, 1)
        parts = (kernels.flatten(0, 2) @ pixels.flatten(1)).unflatten(0, kernels.shape[:3])
        sums = _interleaved(_interleaved(parts.unflatten(-1, pixels.shape[1:])))
        return (sums + bias.view(-1, 1, 1, 1)).transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        to_x = F.conv2d(gradient, weight, stride=2, padding=1) if ctx.needs_input_grad[0] else None
        return to_x, _to_kernels(x, gradient, weight), gradient.sum((0, 2, 3))


class _Colours(_Convolution):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.pixel_shuffle(F.conv2d(x, _laid_out(weight), bias.repeat_interleave(4), stride=2, padding=1), 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        to_blocks = _to_kernels(F.pixel_unshuffle(gradient, 2), x, _laid_out(weight)).unflatten(0, (-1, 2, 2))
        to_weight = sum(
            to_blocks[:, down, across, :, down : down + 3, across : across + 3] for down in (0, 1) for across in (0, 1)
        )
        # From few channels to many, no core is idle.
        return F.conv_transpose2d(gradient, weight, padding=1), to_weight, gradient.sum((0, 2, 3))


def _interleaved(parts: Tensor) -> Tensor:
    """Add up what each of N rows gives to those around it, [3, ..., N, M] to [..., M, 2 N]: M is the next axis.

    Of a kernel's three numbers the second falls on pixel 2 n, the first before it and the third behind.
    """
    before, at, behind = parts.unbind(0)
    odd = behind + F.pad(before[..., 1:, :], (0, 0, 0, 1))
    return torch.stack([at, odd], -2).flatten(-3, -2).mT


def _laid_out(weight: Tensor) -> Tensor:
    """Kernels [4 outside, inside, 4, 4], in the order of `F.pixel_shuffle`, of [outside, inside, 3, 3]."""
    places = [F.pad(weight, (across, 1 - across, down, 1 - down)) for down in (0, 1) for across in (0, 1)]
    return torch.stack(places, 1).flatten(0, 1)


def _to_kernels(gradient: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The gradient of the kernels of a convolution of stride 2, whose sums of x have this gradient."""
    return torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride=[2, 2], padding=[1, 1], dilation=[1, 1],
        transposed=False, output_padding=[0, 0], groups=1, output_mask=[False, True, False],
    )[1]  # fmt: skip
