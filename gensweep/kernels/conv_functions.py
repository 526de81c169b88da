"""Convolutions of one lane as the layers call them; `reference.py` computes what no kernel does."""

from __future__ import annotations

from torch import Tensor

from gensweep.kernels import bindings, reference
from gensweep.kernels.conv_stride1 import ConvSame
from gensweep.kernels.conv_stride2 import Conv
from gensweep.kernels.lane_functions import add_lane


def conv(
    x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0
) -> Tensor:
    """Return a 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, H/2, W/2]."""
    pictures = _to_kernels(x, weight)
    if pictures is None:
        return reference.conv(x, weight, bias, slope)
    return Conv.apply(
        *add_lane(pictures, weight, bias), "conv", slope
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
    return Conv.apply(
        *add_lane(pictures, weight, bias), "conv_transpose", slope
    ).squeeze(0)


def conv_same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 3x3 convolution of stride 1: [B, C, H, W] to [B, D, H, W]."""
    pictures = _to_kernels(x, weight)
    if pictures is None:
        return reference.conv_same(x, weight, bias)
    return ConvSame.apply(*add_lane(pictures, weight, bias)).squeeze(0)


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
