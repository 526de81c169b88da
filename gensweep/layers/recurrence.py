"""An LSTM's steps with a gradient of their own: no autograd node, no new tensor for every operation of every step.

Sequences are [T, B, ...], time first; several lanes stand between, [T, L, B, ...], and in front of a matrix, [L, ...].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input


def recurrence(projected: Tensor, weight: Tensor) -> Tensor:
    """Hidden states of an LSTM that starts at zero (equations: Gers et al. 2000); once differentiable.

    Args:
        projected: [T, B, 4H]: what the inputs and the bias add to the gates: input, forget, cell, output.
        weight: [4H, H], of the state before.

    Returns:
        [T, B, H].
    """
    return _Steps.apply(projected, weight)[0]


class _Steps(torch.autograd.Function):
    """The states, and what their gradient needs: gates [T, B, 4H], cells and their tanh [T, B, H]."""

    @staticmethod
    def forward(projected: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        product = _product(weight)
        gates = torch.empty_like(projected, memory_format=torch.contiguous_format)
        states, cells, squashed = (gates.new_empty((*gates.shape[:-1], weight.shape[-1])) for _ in range(3))
        hidden = cell = None
        for projection, gate, state, next_cell, squash in zip(projected, gates, states, cells, squashed, strict=True):
            if hidden is None:  # the first state is zero: nothing to multiply
                gate.copy_(projection)
            else:
                product(projection, hidden, weight.mT, out=gate)
            i, f, g, o = gate.chunk(4, -1)
            gate.narrow(-1, 0, 2 * weight.shape[-1]).sigmoid_()
            torch.mul(i, g.tanh_(), out=next_cell)
            if cell is not None:
                next_cell.addcmul_(f, cell)
            torch.mul(o.sigmoid_(), torch.tanh(next_cell, out=squash), out=state)
            hidden, cell = state, next_cell
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
        return _Steps.apply(*_laned(info.batch_size, args, in_dims, (1, 0))), (1, 1, 1, 1)


class _Gradients(torch.autograd.Function):
    """Gradients of the projected inputs and of the weight, a Function so that `vmap` can batch it too."""

    @staticmethod
    def forward(
        gradient: Tensor, weight: Tensor, states: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor
    ) -> tuple[Tensor, Tensor]:
        product = _product(weight)
        found = torch.empty_like(gates)
        to_state, to_cell = gradient[-1], None
        for step in reversed(range(len(gates))):
            i, f, g, o = gates[step].chunk(4, -1)
            to_i, to_f, to_g, to_o = found[step].chunk(4, -1)
            _sigmoid_gradient(to_state * squashed[step], o, grad_input=to_o)
            through = torch.ops.aten.tanh_backward(to_state * o, squashed[step])
            to_cell = through if to_cell is None else through.add_(to_cell)
            _sigmoid_gradient(to_cell * g, i, grad_input=to_i)
            _tanh_gradient(to_cell * i, g, grad_input=to_g)
            if step == 0:
                to_f.zero_()
                break
            _sigmoid_gradient(to_cell * cells[step - 1], f, grad_input=to_f)
            to_cell.mul_(f)
            to_state = product(gradient[step - 1], found[step], weight)
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
        return _Gradients.apply(*_laned(info.batch_size, args, in_dims, (1, 0, 1, 1, 1, 1))), (1, 0)


def _product(weight: Tensor) -> Any:
    return torch.addmm if weight.ndim == 2 else torch.baddbmm


def _rows(sequence: Tensor) -> Tensor:
    """Steps and examples as rows: [T, B, N] to [T B, N], or [T, L, B, N] to [L, T B, N]."""
    return sequence.transpose(0, -3).flatten(-3, -2)


def _laned(
    size: int, tensors: tuple[Tensor, ...], dims: tuple[int | None, ...], places: tuple[int, ...]
) -> list[Tensor]:
    """The tensors with their axis of lanes at these places; one that has none is every lane's."""
    return [
        tensor.unsqueeze(place).expand(*tensor.shape[:place], size, *tensor.shape[place:])
        if dim is None
        else tensor.movedim(dim, place)
        for tensor, dim, place in zip(tensors, dims, places, strict=True)
    ]
