"""An LSTM's steps with a gradient of their own: no autograd node, no new tensor for every operation of every step.

Compiled (`_recurrence.py`) where that serves; else a product and a dozen of PyTorch's operations a step.

Sequences are [T, B, ...], time first; several lanes stand between, [T, L, B, ...], and in front of a matrix, [L, ...].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gensweep.layers import _recurrence
from gensweep.layers.laned import laned

_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input


def recurrence(projected: Tensor, weight: Tensor) -> Tensor:
    """Hidden states of an LSTM that starts at zero (equations: Gers et al. 2000); once differentiable.

    Args:
        projected: [T, B, 4H]: what the inputs and the bias add to the gates: input, forget, cell, output.
        weight: [4H, H], of the state before.

    Returns:
        [T, B, H].

    Raises:
        ValueError: the shapes do not fit each other.
    """
    if projected.ndim != 3 or weight.shape != (projected.shape[-1], projected.shape[-1] // 4):
        raise ValueError(f"{list(projected.shape)} and {list(weight.shape)} are not [T, B, 4H] and [4H, H]")
    return _Steps.apply(projected, weight)[0]


class _Steps(torch.autograd.Function):
    """The states, and what their gradient needs: gates [T, B, 4H], cells and their tanh [T, B, H]."""

    @staticmethod
    def forward(projected: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates = torch.empty_like(projected, memory_format=torch.contiguous_format)
        states, cells, squashed = (gates.new_empty((*gates.shape[:-1], weight.shape[-1])) for _ in range(3))
        unroll = _recurrence.forward if _recurrence.serves(gates) else _unroll
        unroll(projected, weight, gates, cells, squashed, states)
        return states, gates, cells, squashed

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(inputs[1], *output)
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        if gradients[0] is None:
            return None, None
        return _Gradients.apply(gradients[0], *ctx.saved_tensors)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Tensor) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _Steps.apply(*laned(info.batch_size, args, in_dims, (1, 0))), (1, 1, 1, 1)


class _Gradients(torch.autograd.Function):
    """Gradients of the projected inputs and of the weight, a Function so that `vmap` can batch it too."""

    @staticmethod
    def forward(
        gradient: Tensor, weight: Tensor, states: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(gates.device.type, enabled=False):  # a caller's, which was not there for the pass
            gates, cells, squashed = (saved.contiguous() for saved in (gates, cells, squashed))
            found = torch.empty_like(gates)
            back = _recurrence.backward if _recurrence.serves(gates) else _back
            back(gradient, weight, gates, cells, squashed, found)
            return found, _rows(found[1:]).mT @ _rows(states[:-1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("an LSTM's second derivatives are not written")

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *args: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        return _Gradients.apply(*laned(info.batch_size, args, in_dims, (1, 0, 1, 1, 1, 1))), (1, 0)


def _unroll(projected: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor, states: Tensor) -> None:
    """All steps, by PyTorch: fill what is made of them."""
    hidden = before = None
    for projection, *made in zip(projected, gates, cells, squashed, states, strict=True):
        _step(projection, hidden, before, weight, *made)
        _, before, _, hidden = made


def _step(
    projected: Tensor, hidden: Tensor | None, before: Tensor | None, weight: Tensor,
    gates: Tensor, cells: Tensor, squashed: Tensor, states: Tensor,
) -> None:  # fmt: skip
    """One step: gates [..., 4H], cells, their tanh and states [..., H], of the states and cells before."""
    if hidden is None:  # the first state is zero: nothing to multiply
        gates.copy_(projected)
    else:
        _sum_of_product(weight)(projected, hidden, weight.mT, out=gates)
    i, f, g, o = gates.chunk(4, -1)
    gates.narrow(-1, 0, 2 * cells.shape[-1]).sigmoid_()
    torch.mul(i, g.tanh_(), out=cells)
    if before is not None:
        cells.addcmul_(f, before)
    torch.mul(o.sigmoid_(), torch.tanh(cells, out=squashed), out=states)


def _back(gradient: Tensor, weight: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor, found: Tensor) -> None:
    """The gradient of all steps, by PyTorch: fill ``found`` [..., 4H], of the projected inputs."""
    to_cells, after = torch.empty_like(squashed[0]), None
    for step in reversed(range(len(gates))):
        before = cells[step - 1] if step else None
        _gradient(gradient[step], after, gates[step], before, squashed[step], weight, to_cells, found[step])
        after = found[step]


def _gradient(
    gradient: Tensor, after: Tensor | None, gates: Tensor, before: Tensor | None, squashed: Tensor, weight: Tensor,
    to_cells: Tensor, found: Tensor,
) -> None:  # fmt: skip
    """One step back: `found` [..., 4H] of the gradient of its states [..., H], and of what the step after found."""
    i, f, g, o = gates.chunk(4, -1)
    to_i, to_f, to_g, to_o = found.chunk(4, -1)
    to_states = gradient if after is None else _sum_of_product(weight)(gradient, after, weight)
    _sigmoid_gradient(to_states * squashed, o, grad_input=to_o)
    through = torch.ops.aten.tanh_backward(to_states * o, squashed)
    if after is None:
        to_cells.copy_(through)
    else:
        to_cells.add_(through)
    _sigmoid_gradient(to_cells * g, i, grad_input=to_i)
    _tanh_gradient(to_cells * i, g, grad_input=to_g)
    if before is None:
        to_f.zero_()
    else:
        _sigmoid_gradient(to_cells * before, f, grad_input=to_f)
    to_cells.mul_(f)


def _sum_of_product(weight: Tensor) -> Any:
    return torch.addmm if weight.ndim == 2 else torch.baddbmm


def _rows(sequence: Tensor) -> Tensor:
    """Steps and examples as rows: [T, B, N] to [T B, N], or [T, L, B, N] to [L, T B, N]."""
    return sequence.movedim(0, -3).flatten(-3, -2)
