"""Calls of the convolutions in C: sizes, weights and pictures as the kernels read them.

Nobody checks what lies behind an address, so every array is checked here.
"""

from __future__ import annotations

import ctypes
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.kernels.bindings import (
    FEW_CHANNELS,
    PANEL_VECTORS,
    ConvArrays,
    ConvShape,
    Side,
    count_in_word,
    get_library,
    get_vector_floats,
)

Direction = Literal["conv", "conv_transpose"]
SIDES: dict[Direction, tuple[Side, Side]] = {
    "conv": ("large", "small"),
    "conv_transpose": ("small", "large"),
}
"""Per direction, the pictures that a convolution reads and those that it writes."""
_CACHE_WORDS = 1 << 17
"""Words of four bytes that are packed together: half of a common second-level cache."""
_PICTURES = {"large", "small", "gradient", "to_pictures"}
"""Arrays that are pictures [B, channels, H, W], with channels last."""
_IN_PRODUCTS = {*_PICTURES, "weights"}
"""Arrays in the precision of the products."""
_GRADIENTS = ("to_pictures", "to_weights", "to_bias")
_OUTPUTS = {
    "conv": ("small",),
    "conv_transpose": ("large",),
    "conv_backward": _GRADIENTS,
    "conv_transpose_backward": _GRADIENTS,
}
"""Per function, the arrays that it writes."""


def make_shape(
    count: int,
    height: int,
    width: int,
    large: int,
    small: int,
    stride: int = 2,
    slope: float = 1.0,
) -> ConvShape:
    """Return the sizes of a convolution.

    Args:
        count: pictures.
        height, width: of the small ones.
        large, small: channels of either side.
        stride: 2, or 1 if small pictures are as large as the large ones.
        slope: of the leaky ReLU that follows.
    """
    return ConvShape(
        count, height, width, large, small, stride, 1, height, slope
    )


def call_conv(
    function: str,
    shape: ConvShape,
    dtype: torch.dtype,
    **arrays: Tensor | None,
) -> None:
    """Call a function of conv.c.

    Args:
        function: its name without prefix.
        shape: sizes; `group` and `band` are set here.
        dtype: of pictures and weights, float32 or bfloat16; the others are float32.
        arrays: by their names in C; pictures are [B, channels, H, W]. Outputs must have the layout
            that the kernel writes: channels last, or dense.

    Raises:
        ValueError: an array has another dtype, is not on the CPU, or is an output that would have
            to be copied.
    """
    ready = {
        name: _prepare_array(name, array, dtype)
        for name, array in arrays.items()
        if array is not None
    }
    for name in _OUTPUTS[function]:
        if name in ready and ready[name] is not arrays[name]:
            raise ValueError(
                f"{name} is not laid out as {function} writes it"
            )
    library = get_library(dtype)
    # Gradients put pictures side by side in a word, since they sum over pictures.
    in_word = count_in_word(dtype) if function.endswith("_backward") else 0
    _set_packing(shape, library, in_word)
    words = library.gensweep_conv_scratchpad(ctypes.byref(shape))
    # Kernels rely on the zeros of a border, which they never write.
    ready["scratchpad"] = torch.zeros(
        words, dtype=torch.float32, device="cpu"
    )
    addresses = ConvArrays(
        **{name: array.data_ptr() for name, array in ready.items()}
    )
    getattr(library, f"gensweep_{function}")(
        ctypes.byref(shape), ctypes.byref(addresses)
    )


def _prepare_array(name: str, array: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an array in the layout that the kernels read; itself, if it has it.

    Raises:
        ValueError: it has another dtype, or is not on the CPU.
    """
    expected = dtype if name in _IN_PRODUCTS else torch.float32
    if array.dtype != expected or array.device.type != "cpu":
        raise ValueError(
            f"{name} is {array.dtype} on {array.device}: the kernels take {expected} on the CPU"
        )
    layout = (
        torch.channels_last if name in _PICTURES else torch.contiguous_format
    )
    return array.resolve_neg().contiguous(memory_format=layout)


def _set_packing(
    shape: ConvShape, library: ctypes.CDLL, in_word: int
) -> None:
    """Set how much is packed together: a `band` of a picture, or a `group` of small pictures.

    Args:
        shape: its `group` and `band` are set.
        library: of the precision.
        in_word: pictures that share a word; 0 if they share none.
    """
    shape.group = in_word or 1
    shape.band = shape.height
    words = library.gensweep_conv_scratchpad(ctypes.byref(shape))
    if words > _CACHE_WORDS:
        shape.band = max(1, shape.height * _CACHE_WORDS // words)
    elif in_word:
        groups = -(-shape.count // in_word)
        fitting = _CACHE_WORDS // words
        shape.group = in_word * max(1, min(groups, fitting))


# --- weights


def pack_down(weight: Tensor, stride: int, dtype: torch.dtype) -> Tensor:
    """Return weights [small, large, 3, 3] as `down` of conv.c reads them.

    It computes small pictures.
    """
    small, large = weight.shape[:2]
    if small <= FEW_CHANNELS and stride == 1:
        return _pack_panels(
            weight.permute(1, 2, 3, 0).flatten(1), large, dtype
        )
    return _pack_panels(weight.permute(2, 3, 1, 0), large, dtype)


def pack_up(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Return weights [small, large, 3, 3] as `up` of conv.c reads them.

    It computes large pictures.
    """
    small, large = weight.shape[:2]
    if large <= FEW_CHANNELS:
        return _pack_panels(
            weight.permute(0, 2, 3, 1).flatten(1), small, dtype
        )
    order = [1, 2, 0]
    # The pixels of a small picture are padded to complete vectors.
    depth = small + -small % get_vector_floats(dtype)
    return _pack_panels(
        weight.permute(2, 3, 0, 1)[order][:, order], depth, dtype
    )


def _pack_panels(matrices: Tensor, depth: int, dtype: torch.dtype) -> Tensor:
    """Return matrices in panels, which a tile of a product reads from front to back.

    Args:
        matrices: [..., rows, columns].
        depth: rows with the rows of zeros that are added.
        dtype: of the kernels that read them.

    Returns:
        [panels, ..., depth up to a complete word, width of a panel], dense, with columns of zeros
        behind the last. Rows that share a word are neighbours:
        [panels, ..., words, width of a panel, rows in a word].
    """
    width = PANEL_VECTORS * get_vector_floats(dtype)
    in_word = count_in_word(dtype)
    rows, columns = matrices.shape[-2:]
    added_rows = depth + -depth % in_word - rows
    added_columns = -columns % width
    if added_columns or added_rows:
        matrices = F.pad(matrices, (0, added_columns, 0, added_rows))
    panels = matrices.to(dtype).unflatten(-1, (-1, width)).movedim(-2, 0)
    if in_word > 1:
        panels = panels.unflatten(-2, (-1, in_word)).transpose(-1, -2)
    return panels.contiguous()
