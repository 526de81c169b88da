"""What layers ask of the kernels in C: whether they serve a tensor, and how what they read lies."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.core.precision import BFLOAT16, FLOAT32
from gensweep.layers import compiling

_NAMES = {torch.float32: FLOAT32, torch.bfloat16: BFLOAT16}
"""The precisions that there are kernels for."""


def serves(tensor: Tensor) -> bool:
    """Whether the kernels compute such tensors: float32 or bfloat16 on a CPU, in the one thread that a trial has.

    The first time it may take some seconds.
    """
    asked = (
        tensor.dtype in _NAMES
        and tensor.device.type == "cpu"
        and torch.get_num_threads() == 1
        and compiling.is_wanted()
    )
    return asked and compiling.library(_NAMES[tensor.dtype]) is not None


def computed(tensor: Tensor) -> torch.dtype:
    """What a layer computes with such a tensor: its own precision, or that of an autocast around it."""
    device = tensor.device.type
    lowered = tensor.is_floating_point() and tensor.dtype != torch.float64  # as autocast does
    if lowered and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return tensor.dtype


def cast(tensor: Tensor) -> Tensor:
    """The tensor in the precision that a layer computes it in."""
    return tensor.to(computed(tensor))


def panels(matrices: Tensor, most: int, dtype: torch.dtype) -> Tensor:
    """Columns in panels as wide as two vectors, with zeros behind the last: what a tile of a product reads.

    Args:
        matrices: [..., rows, columns].
        most: rows with those of zeros that are put behind.
        dtype: of the kernels that read them.

    Returns:
        [panels, ..., most up to a whole word, width of a panel], dense; rows that share a word are beside each other:
        [panels, ..., words, width of a panel, rows in a word].
    """
    width, in_word = 2 * lanes(dtype), held(dtype)
    rows, columns = matrices.shape[-2:]
    more = most + -most % in_word - rows
    if columns % width or more:
        matrices = F.pad(matrices, (0, -columns % width, 0, more))
    found = matrices.to(dtype).unflatten(-1, (-1, width)).movedim(-2, 0)
    return (found if in_word == 1 else found.unflatten(-2, (-1, in_word)).transpose(-1, -2)).contiguous()


def held(dtype: torch.dtype) -> int:
    """Numbers in a word of the kernels: `HELD` of `tile.h`."""
    return torch.float32.itemsize // dtype.itemsize


def lanes(dtype: torch.dtype) -> int:
    """Sums in a vector of this processor."""
    return library(dtype).lanes()


def library(dtype: torch.dtype) -> ctypes.CDLL:
    """The kernels, where `serves` said that there are some."""
    found = compiling.library(_NAMES[dtype])
    assert found is not None, "serves comes first"
    return found
