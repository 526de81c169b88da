"""A convolution to the few channels of a picture, faster on CPUs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Colours(nn.Conv2d):
    """A 3x3 convolution from many channels to a few: [B, inside, H, W] to [B, outside, H, W], H and W even.

    A core computes 16 channels at once, and three leave it idle. So a convolution of stride 2 computes blocks of 2x2
    pixels as four times the channels: each kernel is laid into one of 4x4 at the four places that it has in a block.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Sums [B, outside, H, W] of [B, inside, H, W]."""
        if input.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        return _Colours.apply(input, self.weight, self.bias)


class _Colours(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.pixel_shuffle(F.conv2d(x, _laid_out(weight), bias.repeat_interleave(4), stride=2, padding=1), 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        _, to_blocks, _ = torch.ops.aten.convolution_backward(
            F.pixel_unshuffle(gradient, 2), x, _laid_out(weight), None, stride=[2, 2], padding=[1, 1],
            dilation=[1, 1], transposed=False, output_padding=[0, 0], groups=1, output_mask=[False, True, False],
        )  # fmt: skip
        places = to_blocks.unflatten(0, (-1, 2, 2))
        to_weight = sum(
            places[:, down, across, :, down : down + 3, across : across + 3] for down in (0, 1) for across in (0, 1)
        )
        # From few channels to many, no core is idle.
        return F.conv_transpose2d(gradient, weight, padding=1), to_weight, gradient.sum((0, 2, 3))


def _laid_out(weight: Tensor) -> Tensor:
    """Kernels [4 outside, inside, 4, 4], in the order of `F.pixel_shuffle`, of [outside, inside, 3, 3]."""
    places = [F.pad(weight, (across, 1 - across, down, 1 - down)) for down in (0, 1) for across in (0, 1)]
    return torch.stack(places, 1).flatten(0, 1)
