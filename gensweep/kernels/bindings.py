"""The kernels' C structs, and the library of a precision.

A library says how large its structs are. If they differ from those of this file, it is not used:
nobody checks what lies behind an address.
"""

from __future__ import annotations

import ctypes
import logging
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from gensweep.kernels import build
from gensweep.system.precision import BFLOAT16, FLOAT32

log = logging.getLogger(__name__)
Side = Literal["large", "small"]
_PRECISIONS = {torch.float32: FLOAT32, torch.bfloat16: BFLOAT16}
"""The precisions that there are kernels for."""
FEW_CHANNELS = 3
"""As many channels leave most of a vector idle: `FEW_CHANNELS` of packing.h."""
PANEL_VECTORS = 2
"""Vectors in a row of a panel: `NR / VLEN` of gemm_tile.h."""


# --- structs: in the order of C


_CONV_SIZES = (
    "count",
    "height",
    "width",
    "large",
    "small",
    "stride",
    "group",
    "band",
)
_CONV_ARRAYS = (
    "large",
    "small",
    "weights",
    "bias",
    "gradient",
    "to_pictures",
    "to_weights",
    "to_bias",
    "scratchpad",
)
_LSTM_SIZES = ("steps", "lanes", "rows", "hidden", "stride")
_LSTM_ARRAYS = (
    "projected",
    "weight",
    "gates",
    "cells",
    "cells_tanh",
    "states",
    "to_states",
    "to_projected",
    "to_sums",
    "table",
    "table_rows",
    "to_table",
    "scratchpad",
)


class ConvShape(ctypes.Structure):
    """`conv_shape` of packing.h: sizes of a convolution from large pictures to small ones."""

    _fields_ = [(name, ctypes.c_int64) for name in _CONV_SIZES] + [
        ("slope", ctypes.c_float)
    ]

    def get_sizes(self, side: Side) -> tuple[int, int, int, int]:
        """Return the number of pictures of a side, their height, width and channels."""
        scale = self.stride if side == "large" else 1
        return (
            self.count,
            scale * self.height,
            scale * self.width,
            getattr(self, side),
        )


class ConvArrays(ctypes.Structure):
    """`conv_arrays` of conv.c: addresses."""

    _fields_ = [(name, ctypes.c_void_p) for name in _CONV_ARRAYS]


class LstmShape(ctypes.Structure):
    """`lstm_shape` of lstm.c: sizes, and the address of a trie's `firsts`."""

    _fields_ = [(name, ctypes.c_int64) for name in _LSTM_SIZES] + [
        ("firsts", ctypes.c_void_p)
    ]


class LstmArrays(ctypes.Structure):
    """`lstm_arrays` of lstm.c: addresses."""

    _fields_ = [(name, ctypes.c_void_p) for name in _LSTM_ARRAYS]


# --- the library


def is_available(tensor: Tensor) -> bool:
    """Return whether kernels compute such tensors; the first call may compile them."""
    return (
        tensor.dtype in _PRECISIONS
        and tensor.device.type == "cpu"
        and torch.get_num_threads() == 1
        and build.is_enabled()
        and _find_library(tensor.dtype) is not None
    )


def supports_gates(gates: Tensor) -> bool:
    """Return whether kernels compute such gates [..., 4H]; the units must fill complete words."""
    return (
        is_available(gates)
        and gates.shape[-1] // 4 % count_in_word(gates.dtype) == 0
    )


def count_in_word(dtype: torch.dtype) -> int:
    """Return how many numbers a word of the kernels holds: `VNNI` of gemm_tile.h."""
    return torch.float32.itemsize // dtype.itemsize


def get_vector_floats(dtype: torch.dtype) -> int:
    """Return how many float32 a vector of this processor holds: `VLEN` of gemm_tile.h."""
    return get_library(dtype).gensweep_vector_floats()


def get_library(dtype: torch.dtype) -> ctypes.CDLL:
    """Return the library of a precision that `is_available` has accepted."""
    library = _find_library(dtype)
    assert library is not None, "is_available comes first"
    return library


def _find_library(dtype: torch.dtype) -> ctypes.CDLL | None:
    library = build.load_library(_PRECISIONS[dtype])
    if library is None or not _matches_structs(library, count_in_word(dtype)):
        return None
    return library


@lru_cache
def _matches_structs(library: ctypes.CDLL, in_word: int) -> bool:
    """Return whether a library has the structs and constants of this file; warn if it has not."""
    expected = {
        "gensweep_conv_abi": [
            ctypes.sizeof(ConvShape),
            ctypes.sizeof(ConvArrays),
            in_word,
            PANEL_VECTORS,
            FEW_CHANNELS,
        ],
        "gensweep_lstm_abi": [
            ctypes.sizeof(LstmShape),
            ctypes.sizeof(LstmArrays),
            in_word,
        ],
    }
    for name, values in expected.items():
        get_number = getattr(library, name)
        actual = [get_number(index) for index in range(len(values) + 1)]
        # After the last number a library says -1.
        if actual != [*values, -1]:
            log.warning(
                "PyTorch computes everything, since the kernels do not fit bindings.py: "
                "%s says %s instead of %s",
                name,
                actual,
                [*values, -1],
            )
            return False
    return True
