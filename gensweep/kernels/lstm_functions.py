"""LSTMs as differentiable functions; `reference.py` computes what no kernel does.

They can be differentiated once: neither `jvp` nor the gradient of a gradient goes through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gensweep.kernels import bindings, lstm_calls, reference
from gensweep.kernels.lstm_reference import Steps

if TYPE_CHECKING:
    from gensweep.kernels.trie import Trie


def lstm(projected: Tensor, weight: Tensor) -> Tensor:
    """Return the hidden states [T, B, H] of an LSTM, of gates [T, B, 4H] and weight [4H, H]."""
    reference.check_lstm(projected, weight)
    if not bindings.supports_gates(projected):
        return reference.lstm(projected, weight)
    outputs = Steps.apply(
        projected,
        weight,
        lstm_calls.compute_forward,
        lstm_calls.compute_backward,
    )
    return outputs[0]


def lstm_over_trie(
    projected: Tensor,
    weight: Tensor,
    trie: Trie,
    table_rows: Tensor | None = None,
) -> Tensor:
    """Return the hidden states [N, H] at the nodes of a trie: each node is computed once."""
    reference.check_trie(projected, weight, trie, table_rows)
    if not bindings.supports_gates(weight.new_empty(0, len(weight))):
        return reference.lstm_over_trie(projected, weight, trie, table_rows)
    return _TrieSteps.apply(projected, weight, trie, table_rows)[0]


class _TrieSteps(torch.autograd.Function):
    """The states at a trie's nodes, and what their gradient needs.

    The latter are gates [N, 4H], cells and their tanh [N, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        weight: Tensor,
        trie: Trie,
        table_rows: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates = weight.new_empty(len(trie.codes), len(weight))
        size = (len(gates), weight.shape[-1])
        states, cells, cells_tanh = (weight.new_empty(size) for _ in range(3))
        lstm_calls.compute_forward(
            projected.to(weight.dtype),
            weight,
            gates,
            cells,
            cells_tanh,
            states,
            trie,
            table_rows,
        )
        ctx.trie = trie
        ctx.table_rows = table_rows
        ctx.projected_rows = len(projected)
        ctx.save_for_backward(weight, states, gates, cells, cells_tanh)
        ctx.mark_non_differentiable(gates, cells, cells_tanh)
        # Without this, PyTorch would fill gradients of zeros for the three of them.
        ctx.set_materialize_grads(False)
        return states, gates, cells, cells_tanh

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        gradient, trie, table_rows = gradients[0], ctx.trie, ctx.table_rows
        if gradient is None:
            return None, None, None, None
        weight, states, gates, cells, cells_tanh = ctx.saved_tensors
        to_projected = torch.empty_like(gates)
        to_sums = gates.new_empty(trie.inner_count, len(weight))
        to_table = None
        if table_rows is not None:
            to_table = gates.new_zeros(
                ctx.projected_rows, len(weight), dtype=torch.float32
            )
        # The forward pass was computed outside of autocast, whatever surrounds the backward pass.
        with torch.autocast(gates.device.type, enabled=False):
            lstm_calls.compute_backward(
                gradient,
                weight,
                gates,
                cells,
                cells_tanh,
                to_projected,
                trie,
                to_sums,
                table_rows,
                to_table,
            )
            to_weight = to_sums.mT @ states[: trie.inner_count]
        if to_table is not None:
            return to_table, to_weight, None, None
        return to_projected, to_weight, None, None
