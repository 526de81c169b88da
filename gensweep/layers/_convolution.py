"""How the kernels of `convolution.c` are called: sizes, addresses, and the layout of what they read."""

from __future__ import annotations

import ctypes
from typing import Literal

import torch
from torch import Tensor

from gensweep.layers import compiled

Side = Literal["large", "small"]
_SIZES = ("count", "height", "width", "large", "small", "stride", "group", "band")
_ARRAYS = ("large", "small", "kernels", "bias", "gradient", "to_pictures", "to_kernels", "to_bias", "scratch")
_FEW = 3
"""Channels that leave most of a vector idle: `FEW` of `convolution.c`."""
_PICTURES = {"large", "small", "gradient", "to_pictures"}
"""Arrays that are pictures [B, channels, H, W]: with channels last."""
_BUDGET = 1 << 17
"""Floats that lie ready for a kernel at a time: half of a common second-level cache."""


class Shape(ctypes.Structure):
    """`shape` of `convolution.c`: what a convolution takes, from large pictures to small ones."""

    _fields_ = [(name, ctypes.c_int64) for name in _SIZES] + [("slope", ctypes.c_float)]

    def sizes(self, side: Side) -> tuple[int, int, int, int]:
        """Pictures of a side: how many, height, width, channels."""
        scale = self.stride if side == "large" else 1
        return self.count, scale * self.height, scale * self.width, getattr(self, side)


class _Arrays(ctypes.Structure):
    """`arrays` of `convolution.c`: addresses."""

    _fields_ = [(name, ctypes.c_void_p) for name in _ARRAYS]


def shape_of(count: int, height: int, width: int, large: int, small: int, stride: int = 2, slope: float = 1.0) -> Shape:
    """Sizes of a convolution, with as much at a time as lies ready: some pictures, or some rows of one.

    Args:
        count: pictures.
        height, width: of the small ones.
        large, small: channels.
        stride: 2, or 1 for small pictures as large as the large ones.
        slope: of the leaky ReLU behind.
    """
    found = Shape(count, height, width, large, small, stride, 1, height, slope)
    whole = compiled.library().scratch_size(ctypes.byref(found))
    if whole <= _BUDGET:
        found.group = min(count, _BUDGET // whole) or 1
    else:
        found.band = max(1, height * _BUDGET // whole)
    return found


def call(function: str, shape: Shape, **arrays: Tensor | None) -> None:
    """Call a function of `convolution.c`.

    Args:
        function: its name.
        shape: sizes.
        arrays: by their names there; pictures are [B, channels, H, W]. What is written has to lie as it is wanted
            already: channels last, or dense.

    Raises:
        ValueError: an array is not float32 on the CPU.
    """
    library = compiled.library()
    laid = {
        name: array.contiguous(memory_format=torch.channels_last if name in _PICTURES else torch.contiguous_format)
        for name, array in arrays.items()
        if array is not None
    }
    laid["scratch"] = torch.zeros(library.scratch_size(ctypes.byref(shape)))
    for name, array in laid.items():
        if array.dtype != torch.float32 or array.device.type != "cpu":
            raise ValueError(f"{name} is {array.dtype} on {array.device}: the kernels read float32 on the CPU")
    addresses = _Arrays(**{name: array.data_ptr() for name, array in laid.items()})
    getattr(library, function)(ctypes.byref(shape), ctypes.byref(addresses))


def kernels_down(weight: Tensor, stride: int) -> Tensor:
    """Kernels [small, large, 3, 3] as `down` of `convolution.c` reads them, which makes small pictures."""
    small, large = weight.shape[:2]
    if small <= _FEW and stride == 1:
        return compiled.panels(weight.permute(1, 2, 3, 0).flatten(1), large)
    return compiled.panels(weight.permute(2, 3, 1, 0), large)


def kernels_up(weight: Tensor) -> Tensor:
    """Kernels [small, large, 3, 3] as `up` of `convolution.c` reads them, which makes large pictures."""
    small, large = weight.shape[:2]
    if large <= _FEW:
        return compiled.panels(weight.permute(0, 2, 3, 1).flatten(1), small)
    order = [1, 2, 0]
    return compiled.panels(weight.permute(2, 3, 0, 1)[order][:, order], small + -small % compiled.lanes())
