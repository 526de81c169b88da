"""How the kernels of `recurrence.c` are called: sizes and addresses."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from gensweep.layers import compiled
from gensweep.layers.trie import Trie

_ARRAYS = (
    "projected", "weight", "gates", "cells", "squashed", "states", "to_states", "to_projected", "to_sums", "table",
    "which", "to_table", "scratch",
)  # fmt: skip
_WRITTEN = ("gates", "cells", "squashed", "states", "to_projected", "to_sums", "to_table")


class _Sequence(ctypes.Structure):
    """`sequence` of `recurrence.c`: sizes."""

    _fields_ = [(name, ctypes.c_int64) for name in ("steps", "lanes", "rows", "hidden", "stride")] + [
        ("firsts", ctypes.c_void_p)
    ]


class _Arrays(ctypes.Structure):
    """`unrolled` of `recurrence.c`: addresses."""

    _fields_ = [(name, ctypes.c_void_p) for name in _ARRAYS]


def serves(gates: Tensor) -> bool:
    """Whether the kernels compute such gates [..., 4H]; of bfloat16 they take two units at a time."""
    return compiled.serves(gates) and gates.shape[-1] // 4 % compiled.held(gates.dtype) == 0


def forward(
    projected: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor, states: Tensor,
    trie: Trie | None = None, which: Tensor | None = None,
) -> None:  # fmt: skip
    """All steps of a sequence, or of a trie.

    Args:
        projected: [T, ..., B, 4H]; one step may be every step's, expanded. Of a trie [N, 4H], or the rows of a table.
        weight: [..., 4H, H].
        gates, cells, squashed, states: gates [T, ..., B, 4H], cells, their tanh and states [T, ..., B, H], of a trie
            [N, ...]: to be filled.
        trie: of N nodes.
        which: row of the table is each node's, [N]; there has to be one.

    Raises:
        ValueError: a tensor has another shape or precision, or would have to be copied to be written.
    """
    if trie is None and (projected.stride(0) or not projected[:1].is_contiguous()):
        projected = projected.contiguous()
    given = {"projected": projected} if which is None else {"table": projected, "which": which}
    _call("lstm_forward", gates, trie, weight=weight, cells=cells, squashed=squashed, states=states, **given)


def backward(
    to_states: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor, to_projected: Tensor,
    trie: Trie | None = None, to_sums: Tensor | None = None, which: Tensor | None = None,
    to_table: Tensor | None = None,
) -> None:  # fmt: skip
    """The gradient of all steps.

    Args:
        to_states: of the states, [T, ..., B, H], of a trie [N, H].
        weight, gates, cells, squashed, trie, which: what `forward` had and made.
        to_projected: [T, ..., B, 4H], of a trie [N, 4H]: to be filled.
        to_sums: of what the states of a trie's nodes add to those that follow, together, [N - B, 4H]: to be filled.
        to_table: of the table, float32: to be added to.

    Raises:
        ValueError: as `forward`.
    """
    _call(
        "lstm_backward", gates, trie, to_states=to_states, weight=weight, cells=cells, squashed=squashed,
        to_projected=to_projected, to_sums=to_sums, which=which, to_table=to_table,
    )  # fmt: skip


def _call(function: str, gates: Tensor, trie: Trie | None, **arrays: Tensor | None) -> None:
    arrays["gates"] = gates
    laid = {name: _laid(name, array, gates, trie) for name, array in arrays.items() if array is not None}
    if not gates.numel():
        return
    library, wide = compiled.library(gates.dtype), gates.shape[-1]
    if trie is None:
        stride = laid["projected"].stride(0) if "projected" in laid else 0
        sizes = _Sequence(len(gates), gates[0, ..., 0].numel() // gates.shape[-2], gates.shape[-2], wide // 4, stride)
    else:
        sizes = _Sequence(trie.steps, 1, len(gates) - trie.inner, wide // 4, 0, trie.firsts.data_ptr())
    laid["scratch"] = torch.empty(library.lstm_scratch(ctypes.byref(sizes)), dtype=torch.float32, device="cpu")
    addresses = _Arrays(**{name: array.data_ptr() for name, array in laid.items()})
    getattr(library, function)(ctypes.byref(sizes), ctypes.byref(addresses))


def _laid(name: str, array: Tensor, gates: Tensor, trie: Trie | None) -> Tensor:
    """The array as a kernel takes it: what lies behind an address, nobody checks."""
    *before, wide = gates.shape
    shape, dtype = (*before, wide // 4), gates.dtype
    match name:
        case "gates" | "projected" | "to_projected":
            shape = gates.shape
        case "weight":
            shape = (*gates.shape[1:-2], wide, wide // 4)
        case "to_sums" if trie is not None:
            shape = (trie.inner, wide)
        case "table":
            shape = (len(array), wide)
        case "to_table":
            shape, dtype = (len(array), wide), torch.float32
        case "which":
            shape, dtype = (len(gates),), torch.int64
    if array.shape != shape or array.dtype != dtype or array.device.type != "cpu":
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)} beside gates {gates.dtype} {list(gates.shape)}")
    array = array.resolve_neg()
    if array.is_contiguous() or (name == "projected" and trie is None):
        return array
    if name in _WRITTEN:
        raise ValueError(f"{name} does not lie as it is to be written")
    return array.contiguous()
