"""How the kernels of `recurrence.c` are called: sizes and addresses."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from gensweep.layers import compiled

_ARRAYS = ("projected", "weight", "gates", "cells", "squashed", "states", "to_states", "to_projected", "scratch")
_WRITTEN = ("gates", "cells", "squashed", "states", "to_projected")


class _Sequence(ctypes.Structure):
    """`sequence` of `recurrence.c`: sizes."""

    _fields_ = [(name, ctypes.c_int64) for name in ("steps", "lanes", "rows", "hidden", "stride")]


class _Arrays(ctypes.Structure):
    """`unrolled` of `recurrence.c`: addresses."""

    _fields_ = [(name, ctypes.c_void_p) for name in _ARRAYS]


def serves(gates: Tensor) -> bool:
    """Whether the kernels compute such gates [..., 4H]; of bfloat16 they take two units at a time."""
    return compiled.serves(gates) and gates.shape[-1] // 4 % (torch.float32.itemsize // gates.dtype.itemsize) == 0


def forward(projected: Tensor, weight: Tensor, *made: Tensor) -> None:
    """All steps of a sequence.

    Args:
        projected: [T, ..., B, 4H]; one step may be every step's, expanded.
        weight: [..., 4H, H].
        made: gates [T, ..., B, 4H], cells, their tanh and states [T, ..., B, H]: to be filled.

    Raises:
        ValueError: a tensor has another shape or precision, or would have to be copied to be written.
    """
    if projected.stride(0) or not projected[:1].is_contiguous():
        projected = projected.contiguous()
    gates, cells, squashed, states = made
    _call("lstm_forward", gates, projected=projected, weight=weight, cells=cells, squashed=squashed, states=states)


def backward(
    to_states: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor, to_projected: Tensor
) -> None:
    """The gradient of all steps.

    Args:
        to_states: of the states, [T, ..., B, H].
        weight, gates, cells, squashed: what `forward` had and made.
        to_projected: [T, ..., B, 4H]: to be filled.

    Raises:
        ValueError: as `forward`.
    """
    _call(
        "lstm_backward", gates, to_states=to_states, weight=weight, cells=cells, squashed=squashed,
        to_projected=to_projected,
    )  # fmt: skip


def _call(function: str, gates: Tensor, **arrays: Tensor) -> None:
    steps, rows, wide = gates.shape[0], gates.shape[-2], gates.shape[-1]
    hidden = wide // 4
    arrays["gates"] = gates
    laid = {name: _laid(name, array, gates) for name, array in arrays.items()}
    if not gates.numel():
        return
    projected = laid.get("projected")
    stride = 0 if projected is None else projected.stride(0)
    library, lanes = compiled.library(gates.dtype), gates.numel() // (steps * rows * wide)
    sizes = ctypes.byref(_Sequence(steps, lanes, rows, hidden, stride))
    laid["scratch"] = torch.empty(library.lstm_scratch(sizes), dtype=torch.float32, device="cpu")
    addresses = _Arrays(**{name: array.data_ptr() for name, array in laid.items()})
    getattr(library, function)(sizes, ctypes.byref(addresses))


def _laid(name: str, array: Tensor, gates: Tensor) -> Tensor:
    """The array as a kernel takes it: what lies behind an address, nobody checks."""
    wide = gates.shape[-1]
    if name == "weight":
        shape = (*gates.shape[1:-2], wide, wide // 4)
    else:
        shape = gates.shape if name in ("gates", "projected", "to_projected") else (*gates.shape[:-1], wide // 4)
    if array.shape != shape or array.dtype != gates.dtype or array.device.type != "cpu":
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)} beside gates {gates.dtype} {list(gates.shape)}")
    array = array.resolve_neg()
    if name == "projected" or array.is_contiguous():
        return array
    if name in _WRITTEN:
        raise ValueError(f"{name} does not lie as it is to be written")
    return array.contiguous()
