"""The LSTM in PyTorch, with a hand-written gradient.

Autograd would keep a node and a new tensor for every operation of every step.

Sequences are [T, B, ...], time first. `vmap` puts an axis of lanes behind the time, [T, L, B, ...],
and in front of a matrix, [L, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input


class Steps(torch.autograd.Function):
    """The states of all steps, and what their gradient needs.

    The latter are gates [T, B, 4H], cells and their tanh [T, B, H].

    The last two arguments are the functions that compute: `unroll` and `unroll_backward`, or
    kernels that fill the same tensors.
    """

    @staticmethod
    def forward(
        projected: Tensor, weight: Tensor, fill: Callable, _: Callable
    ) -> tuple[Tensor, ...]:
        """Return states, gates, cells, and the tanh of the cells."""
        gates = torch.empty_like(
            projected, memory_format=torch.contiguous_format
        )
        size = (*gates.shape[:-1], weight.shape[-1])
        states, cells, cells_tanh = (gates.new_empty(size) for _ in range(3))
        fill(projected, weight, gates, cells, cells_tanh, states)
        return states, gates, cells, cells_tanh

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]
    ) -> None:
        """Save the weight and all outputs; only the states are differentiable."""
        _, weight, _, fill_gradient = inputs
        ctx.fill_gradient = fill_gradient
        ctx.save_for_backward(weight, *output)
        ctx.mark_non_differentiable(*output[1:])
        # Without this, PyTorch would fill gradients of zeros for the three of them.
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of `projected` and `weight`."""
        if gradients[0] is None:
            return None, None, None, None
        computed = _StepsGradient.apply(
            gradients[0], *ctx.saved_tensors, ctx.fill_gradient
        )
        return *computed, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *args: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Compute all lanes together."""
        tensors = move_lanes(info.batch_size, args[:2], in_dims[:2], (1, 0))
        return Steps.apply(*tensors, *args[2:]), (1, 1, 1, 1)


class _StepsGradient(torch.autograd.Function):
    """Gradients of the projected inputs and of the weight.

    It is a Function so that `vmap` can batch it too.
    """

    @staticmethod
    def forward(
        gradient: Tensor,
        weight: Tensor,
        states: Tensor,
        gates: Tensor,
        cells: Tensor,
        cells_tanh: Tensor,
        fill: Callable,
    ) -> tuple[Tensor, Tensor]:
        # The forward pass was computed outside of autocast, whatever surrounds the backward pass.
        with torch.autocast(gates.device.type, enabled=False):
            gates, cells, cells_tanh = (
                saved.contiguous() for saved in (gates, cells, cells_tanh)
            )
            to_projected = torch.empty_like(gates)
            fill(gradient, weight, gates, cells, cells_tanh, to_projected)
            # Each step multiplies the weight with the states of the step before.
            return to_projected, _join_steps(
                to_projected[1:]
            ).mT @ _join_steps(states[:-1])

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]
    ) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError(
            "second derivatives of an LSTM are not implemented"
        )

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *args: Any
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        tensors = move_lanes(
            info.batch_size, args[:6], in_dims[:6], (1, 0, 1, 1, 1, 1)
        )
        return _StepsGradient.apply(*tensors, args[6]), (1, 0)


def move_lanes(
    size: int,
    tensors: Sequence[Tensor],
    dims: Sequence[int | None],
    targets: Sequence[int],
) -> list[Tensor]:
    """Return the tensors with their axis of lanes moved.

    Args:
        size: number of lanes.
        tensors: the tensors.
        dims: of each tensor, its axis of lanes; None: it has none, and serves every lane.
        targets: of each tensor, the new position of that axis.
    """
    moved = []
    for tensor, dim, target in zip(tensors, dims, targets, strict=True):
        if dim is None:
            shape = (*tensor.shape[:target], size, *tensor.shape[target:])
            moved.append(tensor.unsqueeze(target).expand(shape))
        else:
            moved.append(tensor.movedim(dim, target))
    return moved


# --- steps of an LSTM


def unroll(
    projected: Tensor,
    weight: Tensor,
    gates: Tensor,
    cells: Tensor,
    cells_tanh: Tensor,
    states: Tensor,
) -> None:
    """Compute all steps: fill gates [T, ..., 4H], cells, their tanh and states [T, ..., H]."""
    hidden = cells_before = None
    for projection, *outputs in zip(
        projected, gates, cells, cells_tanh, states, strict=True
    ):
        _step(projection, hidden, cells_before, weight, *outputs)
        _, cells_before, _, hidden = outputs


def _step(
    projected: Tensor,
    hidden: Tensor | None,
    cells_before: Tensor | None,
    weight: Tensor,
    gates: Tensor,
    cells: Tensor,
    cells_tanh: Tensor,
    states: Tensor,
) -> None:
    """Compute one step: fill gates [..., 4H], cells, their tanh and states [..., H].

    States and cells of the step before are None in the first step.
    """
    if hidden is None:
        # The first state is zero, so there is nothing to multiply.
        gates.copy_(projected)
    else:
        _add_product(weight)(projected, hidden, weight.mT, out=gates)
    i, f, g, o = gates.chunk(4, -1)
    # Input and forget gate are neighbours: one call for both.
    gates.narrow(-1, 0, 2 * cells.shape[-1]).sigmoid_()
    torch.mul(i, g.tanh_(), out=cells)
    if cells_before is not None:
        cells.addcmul_(f, cells_before)
    torch.mul(o.sigmoid_(), torch.tanh(cells, out=cells_tanh), out=states)


def unroll_backward(
    gradient: Tensor,
    weight: Tensor,
    gates: Tensor,
    cells: Tensor,
    cells_tanh: Tensor,
    to_projected: Tensor,
) -> None:
    """Compute the gradient of all steps: fill `to_projected` [T, ..., 4H]."""
    to_cells, after = torch.empty_like(cells_tanh[0]), None
    for step in reversed(range(len(gates))):
        cells_before = cells[step - 1] if step else None
        _step_backward(
            gradient[step],
            after,
            gates[step],
            cells_before,
            cells_tanh[step],
            weight,
            to_cells,
            to_projected[step],
        )
        after = to_projected[step]


def _step_backward(
    gradient: Tensor,
    after: Tensor | None,
    gates: Tensor,
    cells_before: Tensor | None,
    cells_tanh: Tensor,
    weight: Tensor,
    to_cells: Tensor,
    to_projected: Tensor,
) -> None:
    """Compute the gradient of one step.

    Args:
        gradient: of the step's states [..., H].
        after: gradient of the gates' sums of the step after, [..., 4H]; None in the last step.
        gates, cells_tanh: of this step.
        cells_before: of the step before; None in the first step.
        weight: [..., 4H, H].
        to_cells: gradient of the cells of this step, replaced by that of the step before.
        to_projected: [..., 4H], filled.
    """
    i, f, g, o = gates.chunk(4, -1)
    to_i, to_f, to_g, to_o = to_projected.chunk(4, -1)
    to_states = (
        gradient
        if after is None
        else _add_product(weight)(gradient, after, weight)
    )
    _sigmoid_gradient(to_states * cells_tanh, o, grad_input=to_o)
    through_tanh = torch.ops.aten.tanh_backward(to_states * o, cells_tanh)
    if after is None:
        to_cells.copy_(through_tanh)
    else:
        to_cells.add_(through_tanh)
    _sigmoid_gradient(to_cells * g, i, grad_input=to_i)
    _tanh_gradient(to_cells * i, g, grad_input=to_g)
    if cells_before is None:
        to_f.zero_()
    else:
        _sigmoid_gradient(to_cells * cells_before, f, grad_input=to_f)
    to_cells.mul_(f)


def _add_product(weight: Tensor) -> Any:
    return torch.addmm if weight.ndim == 2 else torch.baddbmm


def _join_steps(sequence: Tensor) -> Tensor:
    """Return steps and examples as rows: [T, B, N] to [T B, N], or [T, L, B, N] to [L, T B, N]."""
    return sequence.movedim(0, -3).flatten(-3, -2)
