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
_IN_WORDS = {*_PICTURES, "kernels"}
"""Arrays in the precision of the products."""
_GRADIENTS = ("to_pictures", "to_kernels", "to_bias")
_WRITTEN = {"convolve": ("small",), "transpose": ("large",)} | dict.fromkeys(
    ("convolve_back", "transpose_back"), _GRADIENTS
)
"""What each function writes."""
_BUDGET = 1 << 17
"""Words of four bytes that lie ready for a kernel at a time: half of a common second-level cache."""


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
    """Sizes of a convolution.

    Args:
        count: pictures.
        height, width: of the small ones.
        large, small: channels.
        stride: 2, or 1 for small pictures as large as the large ones.
        slope: of the leaky ReLU behind.
    """
    return Shape(count, height, width, large, small, stride, 1, height, slope)


def call(function: str, shape: Shape, dtype: torch.dtype, **arrays: Tensor | None) -> None:
    """Call a function of `convolution.c`.

    Args:
        function: its name.
        shape: sizes; as much is computed at a time as lies ready: some pictures, or some rows of one.
        dtype: of pictures and kernels, float32 or bfloat16; the others are float32.
        arrays: by their names there; pictures are [B, channels, H, W]. What is written has to lie as it is wanted
            already: channels last, or dense.

    Raises:
        ValueError: an array is of another dtype, not on the CPU, or would have to be copied to be written.
    """
    laid = {name: _laid(name, array, dtype) for name, array in arrays.items() if array is not None}
    for name in _WRITTEN[function]:
        if name in laid and laid[name] is not arrays[name]:
            raise ValueError(f"{name} does not lie as {function} writes it")
    library = compiled.library(dtype)
    _divide(shape, library, compiled.held(dtype) if function.endswith("_back") else 0)
    laid["scratch"] = torch.zeros(library.scratch_size(ctypes.byref(shape)), dtype=torch.float32, device="cpu")
    addresses = _Arrays(**{name: array.data_ptr() for name, array in laid.items()})
    getattr(library, function)(ctypes.byref(shape), ctypes.byref(addresses))


def _laid(name: str, array: Tensor, dtype: torch.dtype) -> Tensor:
    """The array as a kernel takes it: what lies behind an address, nobody checks."""
    wanted = dtype if name in _IN_WORDS else torch.float32
    if array.dtype != wanted or array.device.type != "cpu":
        raise ValueError(f"{name} is {array.dtype} on {array.device}: the kernels take {wanted} on the CPU")
    form = torch.channels_last if name in _PICTURES else torch.contiguous_format
    return array.resolve_neg().contiguous(memory_format=form)


def _divide(shape: Shape, library: ctypes.CDLL, held: int) -> None:
    """Set how much lies ready at a time: ``group`` of small pictures, if some are ``held`` together, or a ``band``."""
    shape.group, shape.band = held or 1, shape.height
    whole = library.scratch_size(ctypes.byref(shape))
    if whole > _BUDGET:
        shape.band = max(1, shape.height * _BUDGET // whole)
    elif held:
        shape.group = held * (min(-(-shape.count // held), _BUDGET // whole) or 1)


def kernels_down(weight: Tensor, stride: int, dtype: torch.dtype) -> Tensor:
    """Kernels [small, large, 3, 3] as `down` of `convolution.c` reads them, which makes small pictures."""
    small, large = weight.shape[:2]
    if small <= _FEW and stride == 1:
        return compiled.panels(weight.permute(1, 2, 3, 0).flatten(1), large, dtype)
    return compiled.panels(weight.permute(2, 3, 1, 0), large, dtype)


def kernels_up(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Kernels [small, large, 3, 3] as `up` of `convolution.c` reads them, which makes large pictures."""
    small, large = weight.shape[:2]
    if large <= _FEW:
        return compiled.panels(weight.permute(0, 2, 3, 1).flatten(1), small, dtype)
    order = [1, 2, 0]
    return compiled.panels(weight.permute(2, 3, 0, 1)[order][:, order], small + -small % compiled.lanes(dtype), dtype)
