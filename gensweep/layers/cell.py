"""An LSTM's cell, compiled: one pass over memory for what takes a dozen of PyTorch's operations."""

from __future__ import annotations

from torch import Tensor

from gensweep.layers import compiled

_WIDTHS = {"lstm_forward": (4, 1, 4, 1, 1, 1), "lstm_backward": (4, 1, 1, 1, 1, 1, 4)}
"""Of each function's arrays [n, width h]."""


def forward(
    projected: Tensor, before: Tensor | None, gates: Tensor, cells: Tensor, squashed: Tensor, states: Tensor
) -> None:
    """One step of some examples, in place; every tensor is dense.

    Args:
        projected: [..., 4H].
        before: the cells before, [..., H]; None at the first step.
        gates: [..., 4H]: in, the states before times the weights, or anything at the first step; out, the gates.
        cells, squashed, states: [..., H]: out, the cells, their tanh, the states.
    """
    _call("lstm_forward", cells, projected, before, gates, cells, squashed, states)


def backward(
    gates: Tensor,
    before: Tensor | None,
    squashed: Tensor,
    to_states: Tensor,
    more: Tensor | None,
    to_cells: Tensor,
    found: Tensor,
) -> None:
    """The gradient of one step, in place; every tensor is dense.

    Args:
        gates, before, squashed: what `forward` had and made.
        to_states: [..., H]: the gradient of the states.
        more: as much again, by way of the step after; None at the last step.
        to_cells: [..., H]: in, the gradient of the cells by way of the step after, or anything at the last step; out,
            the gradient of the cells before.
        found: [..., 4H]: out, the gradient of `projected`.
    """
    _call("lstm_backward", squashed, gates, before, squashed, to_states, more, to_cells, found)


def _call(name: str, like: Tensor, *tensors: Tensor | None) -> None:
    """Call a function of `cell.c`; ``like`` [..., H] has the sizes."""
    hidden, size = like.shape[-1], like.numel()
    for tensor, width in zip(tensors, _WIDTHS[name], strict=True):  # what lies behind an address, nobody checks
        if tensor is not None and not (
            tensor.dtype == like.dtype and tensor.is_contiguous() and tensor.numel() == width * size
        ):
            raise ValueError(
                f"{name}: {tensor.dtype} {list(tensor.shape)} beside {like.dtype} {list(like.shape)}, or not dense"
            )
    if size:
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
        getattr(compiled.library(like.dtype), name)(size // hidden, hidden, *addresses)
