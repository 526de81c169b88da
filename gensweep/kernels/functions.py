"""An LSTM over a trie: what sequences that begin alike have in common, is computed once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gensweep.layers import _recurrence
from gensweep.layers.recurrence import recurrence
from gensweep.layers.trie import Trie


def branching(projected: Tensor, weight: Tensor, trie: Trie, which: Tensor | None = None) -> Tensor:
    """`recurrence` over a trie, where the state before a node's is that of the node it follows; not for `vmap`.

    Where nothing is compiled for it, sequences are computed one by one.

    Args:
        projected: [N, 4H], what the inputs and the bias add to the gates of each node; with ``which``, [V, 4H], and
            may be of a higher precision than ``weight``, for its gradient to be.
        weight: [4H, H], of the state before.
        trie: of N nodes.
        which: row of ``projected`` is each node's, [N].

    Returns:
        [N, H], as precise as ``weight``.

    Raises:
        ValueError: the shapes do not fit each other, or there is no such row.
    """
    rows, wide = len(trie.codes) if which is None else len(projected), len(weight)
    if projected.shape != (rows, wide) or weight.shape != (wide, wide // 4):
        raise ValueError(f"{list(projected.shape)} and {list(weight.shape)} are not [{rows}, 4H] and [4H, H]")
    if which is not None and len(which):
        lowest, highest = (int(bound) for bound in which.aminmax())
        if lowest < 0 or highest >= rows:
            raise ValueError(f"rows {lowest} to {highest} are asked of {rows}")
    if _recurrence.serves(weight.new_empty(0, len(weight))):
        return _Nodes.apply(projected, weight, trie, which)[0]
    paths = trie.paths()
    given = (projected if which is None else projected[which]).to(weight.dtype)
    visits = torch.empty_like(trie.codes)
    visits[paths.flatten()] = torch.arange(paths.numel(), device=paths.device)  # one of each node's
    return recurrence(given[paths], weight).flatten(0, 1)[visits]


class _Nodes(torch.autograd.Function):
    """The states, and what their gradient needs: gates [N, 4H], cells and their tanh [N, H]."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, weight: Tensor, trie: Trie, which: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates = weight.new_empty(len(trie.codes), len(weight))
        states, cells, squashed = (weight.new_empty(len(gates), weight.shape[-1]) for _ in range(3))
        _recurrence.forward(projected.to(weight.dtype), weight, gates, cells, squashed, states, trie, which)
        ctx.trie, ctx.which, ctx.rows = trie, which, len(projected)
        ctx.save_for_backward(weight, states, gates, cells, squashed)
        ctx.mark_non_differentiable(gates, cells, squashed)
        ctx.set_materialize_grads(False)
        return states, gates, cells, squashed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        gradient, trie = gradients[0], ctx.trie
        if gradient is None:
            return None, None, None, None
        weight, states, gates, cells, squashed = ctx.saved_tensors
        found, sums = torch.empty_like(gates), gates.new_empty(trie.inner, len(weight))
        table = None if ctx.which is None else gates.new_zeros(ctx.rows, len(weight), dtype=torch.float32)
        with torch.autocast(gates.device.type, enabled=False):  # a caller's, which was not there for the pass
            _recurrence.backward(gradient, weight, gates, cells, squashed, found, trie, sums, ctx.which, table)
            return found if table is None else table, sums.mT @ states[: trie.inner], None, None
