"""Calls of the LSTM in C, over sequences or over a trie.

Nobody checks what lies behind an address, so every array is checked here.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from gensweep.kernels.bindings import LstmArrays, LstmShape, get_library
from gensweep.kernels.trie import Trie

_OUTPUTS = (
    "gates",
    "cells",
    "cells_tanh",
    "states",
    "to_projected",
    "to_sums",
    "to_table",
)
"""Arrays that the kernels write."""


def compute_forward(
    projected: Tensor,
    weight: Tensor,
    gates: Tensor,
    cells: Tensor,
    cells_tanh: Tensor,
    states: Tensor,
    trie: Trie | None = None,
    table_rows: Tensor | None = None,
) -> None:
    """Compute all steps of a sequence, or of a trie.

    Args:
        projected: [T, ..., B, 4H]; one step may be expanded to all. Of a trie [N, 4H], or the rows
            of a table.
        weight: [..., 4H, H].
        gates, cells, cells_tanh, states: gates [T, ..., B, 4H], cells, their tanh and states
            [T, ..., B, H], of a trie [N, ...]: filled.
        trie: of N nodes.
        table_rows: the row of the table for each node, [N]; the row has to exist.

    Raises:
        ValueError: a tensor has another shape or precision, or is an output that would have to be
            copied.
    """
    # The kernels take a stride between steps, which is 0 for an expanded step.
    if trie is None and (
        projected.stride(0) or not projected[:1].is_contiguous()
    ):
        projected = projected.contiguous()
    inputs = {"projected": projected}
    if table_rows is not None:
        inputs = {"table": projected, "table_rows": table_rows}
    _call(
        "gensweep_lstm_forward",
        gates,
        trie,
        weight=weight,
        cells=cells,
        cells_tanh=cells_tanh,
        states=states,
        **inputs,
    )


def compute_backward(
    to_states: Tensor,
    weight: Tensor,
    gates: Tensor,
    cells: Tensor,
    cells_tanh: Tensor,
    to_projected: Tensor,
    trie: Trie | None = None,
    to_sums: Tensor | None = None,
    table_rows: Tensor | None = None,
    to_table: Tensor | None = None,
) -> None:
    """Compute the gradient of all steps.

    Args:
        to_states: gradient of the states, [T, ..., B, H], of a trie [N, H].
        weight, gates, cells, cells_tanh, trie, table_rows: inputs and outputs of `compute_forward`.
        to_projected: [T, ..., B, 4H], of a trie [N, 4H]: filled.
        to_sums: gradient of what the states of a trie's inner nodes add to all their children,
            [N - B, 4H]: filled.
        to_table: gradient of the table, float32: added to.

    Raises:
        ValueError: as `compute_forward`.
    """
    _call(
        "gensweep_lstm_backward",
        gates,
        trie,
        to_states=to_states,
        weight=weight,
        cells=cells,
        cells_tanh=cells_tanh,
        to_projected=to_projected,
        to_sums=to_sums,
        table_rows=table_rows,
        to_table=to_table,
    )


def _call(
    function: str, gates: Tensor, trie: Trie | None, **arrays: Tensor | None
) -> None:
    """Call a function of lstm.c.

    Args:
        function: its name.
        gates: [T, ..., B, 4H], of a trie [N, 4H].
        trie: of N nodes.
        arrays: the others, by their names in C.
    """
    arrays["gates"] = gates
    ready = {
        name: _prepare_array(name, array, gates, trie)
        for name, array in arrays.items()
        if array is not None
    }
    if not gates.numel():
        return
    library = get_library(gates.dtype)
    hidden = gates.shape[-1] // 4
    if trie is None:
        stride = 0
        if "projected" in ready:
            stride = ready["projected"].stride(0)
        lanes = gates[0, ..., 0].numel() // gates.shape[-2]
        shape = LstmShape(len(gates), lanes, gates.shape[-2], hidden, stride)
    else:
        leaf_count = len(gates) - trie.inner_count
        shape = LstmShape(
            trie.steps, 1, leaf_count, hidden, 0, trie.firsts.data_ptr()
        )
    words = library.gensweep_lstm_scratchpad(ctypes.byref(shape))
    ready["scratchpad"] = torch.empty(
        words, dtype=torch.float32, device="cpu"
    )
    addresses = LstmArrays(
        **{name: array.data_ptr() for name, array in ready.items()}
    )
    getattr(library, function)(ctypes.byref(shape), ctypes.byref(addresses))


def _prepare_array(
    name: str, array: Tensor, gates: Tensor, trie: Trie | None
) -> Tensor:
    """Return an array in the layout that the kernels read; itself, if it has it.

    Raises:
        ValueError: it does not fit the gates, or is an output that would have to be copied.
    """
    shape, dtype = _expect(name, array, gates, trie)
    if (
        array.shape != shape
        or array.dtype != dtype
        or array.device.type != "cpu"
    ):
        raise ValueError(
            f"{name} is {array.dtype} {list(array.shape)}, which does not fit gates "
            f"{gates.dtype} {list(gates.shape)}"
        )
    array = array.resolve_neg()
    if array.is_contiguous() or (name == "projected" and trie is None):
        return array
    if name in _OUTPUTS:
        raise ValueError(f"{name} is not laid out as the kernel writes it")
    return array.contiguous()


def _expect(
    name: str, array: Tensor, gates: Tensor, trie: Trie | None
) -> tuple[tuple[int, ...], torch.dtype]:
    """Return the shape and the precision that an array must have; a table may have any rows."""
    *before, width = gates.shape
    match name:
        case "gates" | "projected" | "to_projected":
            return gates.shape, gates.dtype
        case "weight":
            return (*gates.shape[1:-2], width, width // 4), gates.dtype
        case "to_sums" if trie is not None:
            return (trie.inner_count, width), gates.dtype
        case "table":
            return (len(array), width), gates.dtype
        case "to_table":
            return (len(array), width), torch.float32
        case "table_rows":
            return (len(gates),), torch.int64
    # Cells, their tanh, states, and the gradient of the states.
    return (*before, width // 4), gates.dtype
