"""How Python calls the kernels: sizes and addresses as C structs, and arrays as the kernels read them.

Nobody checks what lies behind an address, so every array is checked here, and so is the library:
it says how large its structs are, and a library that differs from this file is not used.
"""

from __future__ import annotations

import ctypes
import logging
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.kernels import build
from gensweep.kernels.trie import Trie
from gensweep.system.precision import BFLOAT16, FLOAT32

log = logging.getLogger(__name__)
Direction = Literal["conv", "conv_transpose"]
Side = Literal["large", "small"]
SIDES: dict[Direction, tuple[Side, Side]] = {
    "conv": ("large", "small"),
    "conv_transpose": ("small", "large"),
}
"""Per direction, the pictures that a convolution reads and those that it makes."""
_PRECISIONS = {torch.float32: FLOAT32, torch.bfloat16: BFLOAT16}
"""The precisions that there are kernels for."""
_FEW_CHANNELS = 3
"""As many channels leave most of a vector idle: `FEW_CHANNELS` of packing.h."""
_PANEL_VECTORS = 2
"""Vectors in a row of a panel: `NR / VLEN` of gemm_tile.h."""
_CACHE_WORDS = 1 << 17
"""Words of four bytes that are packed at a time: half of a common second-level cache."""
_PICTURES = {"large", "small", "gradient", "to_pictures"}
"""Arrays of a convolution that are pictures [B, channels, H, W], with channels last."""
_IN_PRODUCTS = {*_PICTURES, "weights"}
"""Arrays of a convolution in the precision of the products."""
_CONV_GRADIENTS = ("to_pictures", "to_weights", "to_bias")
_CONV_WRITES = {
    "conv": ("small",),
    "conv_transpose": ("large",),
    "conv_backward": _CONV_GRADIENTS,
    "conv_transpose_backward": _CONV_GRADIENTS,
}
_LSTM_WRITES = ("gates", "cells", "cells_tanh", "states", "to_projected", "to_sums", "to_table")


class ConvShape(ctypes.Structure):
    """`conv_shape` of packing.h: what a convolution takes, from large pictures to small ones."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("count", "height", "width", "large", "small", "stride", "group", "band")
    ] + [("slope", ctypes.c_float)]  # fmt: skip

    def sizes(self, side: Side) -> tuple[int, int, int, int]:
        """Return of the pictures of a side how many there are, height, width and channels."""
        scale = self.stride if side == "large" else 1
        return self.count, scale * self.height, scale * self.width, getattr(self, side)


class _ConvArrays(ctypes.Structure):
    """`conv_arrays` of conv.c: addresses."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            "large", "small", "weights", "bias", "gradient", "to_pictures", "to_weights", "to_bias", "scratchpad",
        )
    ]  # fmt: skip


class _LstmShape(ctypes.Structure):
    """`lstm_shape` of lstm.c: sizes, and the address of a trie's `firsts`."""

    _fields_ = [
        (name, ctypes.c_int64) for name in ("steps", "lanes", "rows", "hidden", "stride")
    ] + [("firsts", ctypes.c_void_p)]


class _LstmArrays(ctypes.Structure):
    """`lstm_arrays` of lstm.c: addresses."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            "projected", "weight", "gates", "cells", "cells_tanh", "states", "to_states", "to_projected", "to_sums",
            "table", "table_rows", "to_table", "scratchpad",
        )
    ]  # fmt: skip


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


def takes_gates(gates: Tensor) -> bool:
    """Return whether kernels compute such gates [..., 4H]; the units have to fill whole words."""
    return is_available(gates) and gates.shape[-1] // 4 % word_elements(gates.dtype) == 0


def word_elements(dtype: torch.dtype) -> int:
    """Return how many numbers a word of the kernels holds: `VNNI` of gemm_tile.h."""
    return torch.float32.itemsize // dtype.itemsize


def vector_floats(dtype: torch.dtype) -> int:
    """Return how many float32 a vector of this processor holds: `VLEN` of gemm_tile.h."""
    return _library(dtype).gensweep_vector_floats()


def _library(dtype: torch.dtype) -> ctypes.CDLL:
    library = _find_library(dtype)
    assert library is not None, "is_available comes first"
    return library


def _find_library(dtype: torch.dtype) -> ctypes.CDLL | None:
    library = build.library(_PRECISIONS[dtype])
    if library is None or not _fits(library, word_elements(dtype)):
        return None
    return library


@lru_cache
def _fits(library: ctypes.CDLL, in_word: int) -> bool:
    """Return whether structs and constants of a library are those of this file; warn if they are not."""
    expected = {
        "gensweep_conv_abi": [
            ctypes.sizeof(ConvShape), ctypes.sizeof(_ConvArrays), in_word, _PANEL_VECTORS, _FEW_CHANNELS,
        ],
        "gensweep_lstm_abi": [ctypes.sizeof(_LstmShape), ctypes.sizeof(_LstmArrays), in_word],
    }  # fmt: skip
    for name, values in expected.items():
        actual = [getattr(library, name)(index) for index in range(len(values) + 1)]
        if actual != [*values, -1]:
            log.warning(
                "PyTorch computes everything, for the kernels do not fit bindings.py: %s says %s instead of %s",
                name, actual, [*values, -1],
            )  # fmt: skip
            return False
    return True


# --- convolutions


def conv_shape(
    count: int, height: int, width: int, large: int, small: int, stride: int = 2, slope: float = 1.0
) -> ConvShape:
    """Return the sizes of a convolution.

    Args:
        count: pictures.
        height, width: of the small ones.
        large, small: channels of either side.
        stride: 2, or 1 where small pictures are as large as the large ones.
        slope: of the leaky ReLU that follows.
    """
    return ConvShape(count, height, width, large, small, stride, 1, height, slope)


def call_conv(function: str, shape: ConvShape, dtype: torch.dtype, **arrays: Tensor | None) -> None:
    """Call a function of conv.c.

    Args:
        function: its name without prefix.
        shape: sizes; what is packed at a time, some pictures or some rows of one, is set here.
        dtype: of pictures and weights, float32 or bfloat16; the others are float32.
        arrays: by their names in C; pictures are [B, channels, H, W]. Outputs have to be laid out
            as the kernel writes them: channels last, or dense.

    Raises:
        ValueError: an array has another dtype, is not on the CPU, or is an output that would have to be copied.
    """
    ready = {
        name: _conv_array(name, array, dtype) for name, array in arrays.items() if array is not None
    }
    for name in _CONV_WRITES[function]:
        if name in ready and ready[name] is not arrays[name]:
            raise ValueError(f"{name} is not laid out as {function} writes it")
    library = _library(dtype)
    _divide(shape, library, word_elements(dtype) if function.endswith("_backward") else 0)
    words = library.gensweep_conv_scratchpad(ctypes.byref(shape))
    ready["scratchpad"] = torch.zeros(words, dtype=torch.float32, device="cpu")
    addresses = _ConvArrays(**{name: array.data_ptr() for name, array in ready.items()})
    getattr(library, f"gensweep_{function}")(ctypes.byref(shape), ctypes.byref(addresses))


def _conv_array(name: str, array: Tensor, dtype: torch.dtype) -> Tensor:
    expected = dtype if name in _IN_PRODUCTS else torch.float32
    if array.dtype != expected or array.device.type != "cpu":
        raise ValueError(
            f"{name} is {array.dtype} on {array.device}: the kernels take {expected} on the CPU"
        )
    form = torch.channels_last if name in _PICTURES else torch.contiguous_format
    return array.resolve_neg().contiguous(memory_format=form)


def _divide(shape: ConvShape, library: ctypes.CDLL, in_word: int) -> None:
    """Set how much is packed at a time: a `band` of a picture, or a `group` of small pictures.

    Args:
        shape: its `group` and `band` are set.
        library: of the precision.
        in_word: pictures that share a word; 0 where they share none.
    """
    shape.group, shape.band = in_word or 1, shape.height
    words = library.gensweep_conv_scratchpad(ctypes.byref(shape))
    if words > _CACHE_WORDS:
        shape.band = max(1, shape.height * _CACHE_WORDS // words)
    elif in_word:
        shape.group = in_word * (min(-(-shape.count // in_word), _CACHE_WORDS // words) or 1)


def pack_down(weight: Tensor, stride: int, dtype: torch.dtype) -> Tensor:
    """Return weights [small, large, 3, 3] as `down` of conv.c reads them, which makes small pictures."""
    small, large = weight.shape[:2]
    if small <= _FEW_CHANNELS and stride == 1:
        return _pack_panels(weight.permute(1, 2, 3, 0).flatten(1), large, dtype)
    return _pack_panels(weight.permute(2, 3, 1, 0), large, dtype)


def pack_up(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Return weights [small, large, 3, 3] as `up` of conv.c reads them, which makes large pictures."""
    small, large = weight.shape[:2]
    if large <= _FEW_CHANNELS:
        return _pack_panels(weight.permute(0, 2, 3, 1).flatten(1), small, dtype)
    order = [1, 2, 0]
    depth = small + -small % vector_floats(dtype)
    return _pack_panels(weight.permute(2, 3, 0, 1)[order][:, order], depth, dtype)


def _pack_panels(matrices: Tensor, depth: int, dtype: torch.dtype) -> Tensor:
    """Return matrices [..., rows, columns] in panels, which a tile of a product reads from front to back.

    Args:
        matrices: [..., rows, columns].
        depth: rows with the rows of zeros that are added.
        dtype: of the kernels that read them.

    Returns:
        [panels, ..., depth up to a whole word, width of a panel], dense, with columns of zeros behind
        the last; rows that share a word are beside each other:
        [panels, ..., words, width of a panel, rows in a word].
    """
    width, in_word = _PANEL_VECTORS * vector_floats(dtype), word_elements(dtype)
    rows, columns = matrices.shape[-2:]
    zeros = depth + -depth % in_word - rows
    if columns % width or zeros:
        matrices = F.pad(matrices, (0, -columns % width, 0, zeros))
    panels = matrices.to(dtype).unflatten(-1, (-1, width)).movedim(-2, 0)
    if in_word > 1:
        panels = panels.unflatten(-2, (-1, in_word)).transpose(-1, -2)
    return panels.contiguous()


# --- LSTMs


def lstm_forward(
    projected: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, cells_tanh: Tensor, states: Tensor,
    trie: Trie | None = None, table_rows: Tensor | None = None,
) -> None:  # fmt: skip
    """Compute all steps of a sequence, or of a trie.

    Args:
        projected: [T, ..., B, 4H]; one step may be expanded to all. Of a trie [N, 4H], or the rows of a table.
        weight: [..., 4H, H].
        gates, cells, cells_tanh, states: gates [T, ..., B, 4H], cells, their tanh and states
            [T, ..., B, H], of a trie [N, ...]: filled.
        trie: of N nodes.
        table_rows: the row of the table for each node, [N]; the row has to exist.

    Raises:
        ValueError: a tensor has another shape or precision, or is an output that would have to be copied.
    """
    if trie is None and (projected.stride(0) or not projected[:1].is_contiguous()):
        projected = projected.contiguous()
    inputs = {"projected": projected}
    if table_rows is not None:
        inputs = {"table": projected, "table_rows": table_rows}
    _call_lstm(
        "gensweep_lstm_forward",
        gates,
        trie,
        weight=weight,
        cells=cells,
        cells_tanh=cells_tanh,
        states=states,
        **inputs,
    )


def lstm_backward(
    to_states: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, cells_tanh: Tensor, to_projected: Tensor,
    trie: Trie | None = None, to_sums: Tensor | None = None, table_rows: Tensor | None = None,
    to_table: Tensor | None = None,
) -> None:  # fmt: skip
    """Compute the gradient of all steps.

    Args:
        to_states: gradient of the states, [T, ..., B, H], of a trie [N, H].
        weight, gates, cells, cells_tanh, trie, table_rows: inputs and outputs of `lstm_forward`.
        to_projected: [T, ..., B, 4H], of a trie [N, 4H]: filled.
        to_sums: gradient of what the states of a trie's inner nodes add to all their children,
            [N - B, 4H]: filled.
        to_table: gradient of the table, float32: added to.

    Raises:
        ValueError: as `lstm_forward`.
    """
    _call_lstm(
        "gensweep_lstm_backward", gates, trie, to_states=to_states, weight=weight, cells=cells, cells_tanh=cells_tanh,
        to_projected=to_projected, to_sums=to_sums, table_rows=table_rows, to_table=to_table,
    )  # fmt: skip


def _call_lstm(function: str, gates: Tensor, trie: Trie | None, **arrays: Tensor | None) -> None:
    arrays["gates"] = gates
    ready = {
        name: _lstm_array(name, array, gates, trie)
        for name, array in arrays.items()
        if array is not None
    }
    if not gates.numel():
        return
    library, width = _library(gates.dtype), gates.shape[-1]
    if trie is None:
        stride = ready["projected"].stride(0) if "projected" in ready else 0
        lanes = gates[0, ..., 0].numel() // gates.shape[-2]
        shape = _LstmShape(len(gates), lanes, gates.shape[-2], width // 4, stride)
    else:
        shape = _LstmShape(
            trie.steps, 1, len(gates) - trie.inner, width // 4, 0, trie.firsts.data_ptr()
        )
    words = library.gensweep_lstm_scratchpad(ctypes.byref(shape))
    ready["scratchpad"] = torch.empty(words, dtype=torch.float32, device="cpu")
    addresses = _LstmArrays(**{name: array.data_ptr() for name, array in ready.items()})
    getattr(library, function)(ctypes.byref(shape), ctypes.byref(addresses))


def _lstm_array(name: str, array: Tensor, gates: Tensor, trie: Trie | None) -> Tensor:
    *before, width = gates.shape
    shape, dtype = (*before, width // 4), gates.dtype
    match name:
        case "gates" | "projected" | "to_projected":
            shape = gates.shape
        case "weight":
            shape = (*gates.shape[1:-2], width, width // 4)
        case "to_sums" if trie is not None:
            shape = (trie.inner, width)
        case "table":
            shape = (len(array), width)
        case "to_table":
            shape, dtype = (len(array), width), torch.float32
        case "table_rows":
            shape, dtype = (len(gates),), torch.int64
    if array.shape != shape or array.dtype != dtype or array.device.type != "cpu":
        raise ValueError(
            f"{name} is {array.dtype} {list(array.shape)}, which does not fit gates {gates.dtype} {list(gates.shape)}"
        )
    array = array.resolve_neg()
    if array.is_contiguous() or (name == "projected" and trie is None):
        return array
    if name in _LSTM_WRITES:
        raise ValueError(f"{name} is not laid out as the kernel writes it")
    return array.contiguous()
