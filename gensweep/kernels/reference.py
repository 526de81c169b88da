"""The functions of this folder in PyTorch: they compute where no kernel does, and tests compare with them.

Convolutions are PyTorch's own. The LSTM has a hand-written gradient: no autograd node and no new
tensor for every operation of every step.

Sequences are [T, B, ...], time first. `vmap` puts an axis of lanes behind the time, [T, L, B, ...],
and in front of a matrix, [L, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from gensweep.kernels.trie import Trie

_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input


def product_dtype(tensor: Tensor) -> torch.dtype:
    """Return the precision of products with a tensor: its own, or that of autocast around the call."""
    device = tensor.device.type
    is_lowered = tensor.is_floating_point() and tensor.dtype != torch.float64  # as autocast does
    if is_lowered and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return tensor.dtype


# --- convolutions


def conv(x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0) -> Tensor:
    """Return a 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, H/2, W/2]."""
    return _leaky_relu(F.conv2d(x, weight, bias, stride=2, padding=1), slope)


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0) -> Tensor:
    """Return a transposed 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, 2 H, 2 W]."""
    sums = F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)
    return _leaky_relu(sums, slope)


def conv_same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 3x3 convolution of stride 1: [B, C, H, W] to [B, D, H, W]."""
    return F.conv2d(x, weight, bias, padding=1)


def _leaky_relu(sums: Tensor, slope: float) -> Tensor:
    if slope == 1:
        return sums
    return F.leaky_relu(sums, slope) if slope else F.relu(sums)


# --- LSTMs


def lstm(projected: Tensor, weight: Tensor) -> Tensor:
    """Return the hidden states [T, B, H] of an LSTM, of gates [T, B, 4H] and weight [4H, H]."""
    check_lstm(projected, weight)
    return Steps.apply(projected, weight, unroll, unroll_backward)[0]


def lstm_over_trie(
    projected: Tensor, weight: Tensor, trie: Trie, table_rows: Tensor | None = None
) -> Tensor:
    """Return the hidden states [N, H] at the nodes of a trie: each sequence is computed by itself."""
    check_trie(projected, weight, trie, table_rows)
    paths = trie.paths()
    gates = projected if table_rows is None else projected[table_rows]
    states = lstm(gates.to(weight.dtype)[paths], weight).flatten(0, 1)
    visits = torch.empty_like(trie.codes)  # of each node, one place in `paths`
    visits[paths.flatten()] = torch.arange(paths.numel(), device=paths.device)
    return states[visits]


def check_lstm(projected: Tensor, weight: Tensor) -> None:
    """Raise ValueError if the shapes are not [T, B, 4H] and [4H, H]."""
    if projected.ndim != 3 or weight.shape != (projected.shape[-1], projected.shape[-1] // 4):
        raise ValueError(
            f"{list(projected.shape)} and {list(weight.shape)} are not [T, B, 4H] and [4H, H]"
        )


def check_trie(projected: Tensor, weight: Tensor, trie: Trie, table_rows: Tensor | None) -> None:
    """Raise ValueError if shapes do not fit a trie, or the table has not all the rows that are named."""
    rows, width = len(trie.codes) if table_rows is None else len(projected), len(weight)
    if projected.shape != (rows, width) or weight.shape != (width, width // 4):
        raise ValueError(
            f"{list(projected.shape)} and {list(weight.shape)} are not [{rows}, 4H] and [4H, H]"
        )
    if table_rows is not None and len(table_rows):
        lowest, highest = (int(bound) for bound in table_rows.aminmax())
        if lowest < 0 or highest >= rows:
            raise ValueError(f"rows {lowest} to {highest} are asked of {rows}")


class Steps(torch.autograd.Function):
    """The states of all steps, and what their gradient needs: gates [T, B, 4H], cells and their tanh [T, B, H].

    Two functions do the work and are its last arguments: `unroll` and `unroll_backward`, or kernels
    that fill the same tensors.
    """

    @staticmethod
    def forward(
        projected: Tensor, weight: Tensor, fill: Callable, _: Callable
    ) -> tuple[Tensor, ...]:
        """Return states, gates, cells, and the tanh of the cells."""
        gates = torch.empty_like(projected, memory_format=torch.contiguous_format)
        states, cells, cells_tanh = (
            gates.new_empty((*gates.shape[:-1], weight.shape[-1])) for _ in range(3)
        )
        fill(projected, weight, gates, cells, cells_tanh, states)
        return states, gates, cells, cells_tanh

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Keep the weight and all outputs; only the states are differentiable."""
        ctx.fill_gradient = inputs[3]
        ctx.save_for_backward(inputs[1], *output)
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients of `projected` and `weight`."""
        if gradients[0] is None:
            return None, None, None, None
        return (
            *_StepsGradient.apply(gradients[0], *ctx.saved_tensors, ctx.fill_gradient),
            None,
            None,
        )

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *args: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Compute all lanes together."""
        return Steps.apply(
            *move_lanes(info.batch_size, args[:2], in_dims[:2], (1, 0)), *args[2:]
        ), (1, 1, 1, 1)


class _StepsGradient(torch.autograd.Function):
    """Gradients of the projected inputs and of the weight, a Function so that `vmap` can batch it too."""

    @staticmethod
    def forward(
        gradient: Tensor, weight: Tensor, states: Tensor, gates: Tensor, cells: Tensor, cells_tanh: Tensor,
        fill: Callable,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        # The forward pass was computed outside of autocast, whatever surrounds the backward pass.
        with torch.autocast(gates.device.type, enabled=False):
            gates, cells, cells_tanh = (saved.contiguous() for saved in (gates, cells, cells_tanh))
            to_projected = torch.empty_like(gates)
            fill(gradient, weight, gates, cells, cells_tanh, to_projected)
            return to_projected, _join_steps(to_projected[1:]).mT @ _join_steps(states[:-1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("an LSTM's second derivatives are not written")

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *args: Any
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        tensors = move_lanes(info.batch_size, args[:6], in_dims[:6], (1, 0, 1, 1, 1, 1))
        return _StepsGradient.apply(*tensors, args[6]), (1, 0)


def move_lanes(
    size: int, tensors: Sequence[Tensor], dims: Sequence[int | None], places: Sequence[int]
) -> list[Tensor]:
    """Return the tensors with their axis of lanes at these places; a tensor that has none serves every lane."""
    return [
        tensor.unsqueeze(place).expand(*tensor.shape[:place], size, *tensor.shape[place:])
        if dim is None
        else tensor.movedim(dim, place)
        for tensor, dim, place in zip(tensors, dims, places, strict=True)
    ]


def unroll(
    projected: Tensor,
    weight: Tensor,
    gates: Tensor,
    cells: Tensor,
    cells_tanh: Tensor,
    states: Tensor,
) -> None:
    """Compute all steps: fill gates [T, ..., 4H], cells, their tanh and states [T, ..., H]."""
    hidden = before = None
    for projection, *outputs in zip(projected, gates, cells, cells_tanh, states, strict=True):
        _step(projection, hidden, before, weight, *outputs)
        _, before, _, hidden = outputs


def _step(
    projected: Tensor, hidden: Tensor | None, before: Tensor | None, weight: Tensor,
    gates: Tensor, cells: Tensor, cells_tanh: Tensor, states: Tensor,
) -> None:  # fmt: skip
    """Compute one step: gates [..., 4H], cells, their tanh and states [..., H], of the states and cells before."""
    if hidden is None:  # the first state is zero: nothing to multiply
        gates.copy_(projected)
    else:
        _add_product(weight)(projected, hidden, weight.mT, out=gates)
    i, f, g, o = gates.chunk(4, -1)
    gates.narrow(-1, 0, 2 * cells.shape[-1]).sigmoid_()
    torch.mul(i, g.tanh_(), out=cells)
    if before is not None:
        cells.addcmul_(f, before)
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
        before = cells[step - 1] if step else None
        _step_backward(
            gradient[step],
            after,
            gates[step],
            before,
            cells_tanh[step],
            weight,
            to_cells,
            to_projected[step],
        )
        after = to_projected[step]


def _step_backward(
    gradient: Tensor, after: Tensor | None, gates: Tensor, before: Tensor | None, cells_tanh: Tensor, weight: Tensor,
    to_cells: Tensor, to_projected: Tensor,
) -> None:  # fmt: skip
    """Compute one step back.

    Args:
        gradient: of the step's states [..., H].
        after: gradient of the gates' sums of the step after, [..., 4H]; None in the last step.
        gates, cells_tanh: of this step.
        before: cells of the step before; None in the first step.
        weight: [..., 4H, H].
        to_cells: gradient of the cells of this step, replaced by that of the step before.
        to_projected: [..., 4H], filled.
    """
    i, f, g, o = gates.chunk(4, -1)
    to_i, to_f, to_g, to_o = to_projected.chunk(4, -1)
    to_states = gradient if after is None else _add_product(weight)(gradient, after, weight)
    _sigmoid_gradient(to_states * cells_tanh, o, grad_input=to_o)
    through = torch.ops.aten.tanh_backward(to_states * o, cells_tanh)
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


def _add_product(weight: Tensor) -> Any:
    return torch.addmm if weight.ndim == 2 else torch.baddbmm


def _join_steps(sequence: Tensor) -> Tensor:
    """Return steps and examples as rows: [T, B, N] to [T B, N], or [T, L, B, N] to [L, T B, N]."""
    return sequence.movedim(0, -3).flatten(-3, -2)
