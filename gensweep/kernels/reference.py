"""The functions of this folder in PyTorch: the fallback for kernels, and what tests compare with.

Convolutions are PyTorch's own; the LSTM is that of `lstm_reference.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.kernels.lstm_reference import Steps, unroll, unroll_backward

if TYPE_CHECKING:
    from gensweep.kernels.trie import Trie


def get_product_dtype(tensor: Tensor) -> torch.dtype:
    """Return the precision of products with a tensor: its own, or that of autocast."""
    device = tensor.device.type
    # Autocast leaves float64 as it is.
    is_lowered = tensor.is_floating_point() and tensor.dtype != torch.float64
    if (
        is_lowered
        and torch.amp.is_autocast_available(device)
        and torch.is_autocast_enabled(device)
    ):
        return torch.get_autocast_dtype(device)
    return tensor.dtype


# --- convolutions


def conv(
    x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0
) -> Tensor:
    """Return a 3x3 convolution of stride 2 and a leaky ReLU: [B, C, H, W] to [B, D, H/2, W/2]."""
    sums = F.conv2d(x, weight, bias, stride=2, padding=1)
    return _apply_leaky_relu(sums, slope)


def conv_transpose(
    x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0
) -> Tensor:
    """Return a transposed 3x3 convolution of stride 2 and a leaky ReLU.

    [B, C, H, W] to [B, D, 2 H, 2 W].
    """
    sums = F.conv_transpose2d(
        x, weight, bias, stride=2, padding=1, output_padding=1
    )
    return _apply_leaky_relu(sums, slope)


def conv_same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 3x3 convolution of stride 1: [B, C, H, W] to [B, D, H, W]."""
    return F.conv2d(x, weight, bias, padding=1)


def _apply_leaky_relu(sums: Tensor, slope: float) -> Tensor:
    if slope == 1:
        return sums
    if slope == 0:
        return F.relu(sums)
    return F.leaky_relu(sums, slope)


# --- LSTMs


def lstm(projected: Tensor, weight: Tensor) -> Tensor:
    """Return the hidden states [T, B, H] of an LSTM, of gates [T, B, 4H] and weight [4H, H]."""
    check_lstm(projected, weight)
    return Steps.apply(projected, weight, unroll, unroll_backward)[0]


def lstm_over_trie(
    projected: Tensor,
    weight: Tensor,
    trie: Trie,
    table_rows: Tensor | None = None,
) -> Tensor:
    """Return the hidden states [N, H] at the nodes of a trie.

    Each sequence is computed by itself.
    """
    check_trie(projected, weight, trie, table_rows)
    paths = trie.list_paths()
    gates = projected
    if table_rows is not None:
        gates = projected[table_rows]
    states = lstm(gates.to(weight.dtype)[paths], weight).flatten(0, 1)
    # A node may be on many paths, with equal states; of each node this is one index into them.
    visits = torch.empty_like(trie.codes)
    visits[paths.flatten()] = torch.arange(paths.numel(), device=paths.device)
    return states[visits]


def check_lstm(projected: Tensor, weight: Tensor) -> None:
    """Raise ValueError if the shapes are not [T, B, 4H] and [4H, H]."""
    width = projected.shape[-1]
    if projected.ndim != 3 or weight.shape != (width, width // 4):
        raise ValueError(
            f"{list(projected.shape)} and {list(weight.shape)} are not [T, B, 4H] and [4H, H]"
        )


def check_trie(
    projected: Tensor, weight: Tensor, trie: Trie, table_rows: Tensor | None
) -> None:
    """Raise ValueError if shapes do not fit a trie, or the table lacks a row that is named."""
    width = len(weight)
    rows = len(trie.codes)
    if table_rows is not None:
        # The projected inputs are a table, which may have any number of rows.
        rows = len(projected)
    if projected.shape != (rows, width) or weight.shape != (
        width,
        width // 4,
    ):
        raise ValueError(
            f"{list(projected.shape)} and {list(weight.shape)} are not [{rows}, 4H] and [4H, H]"
        )
    if table_rows is not None and len(table_rows):
        lowest, highest = (int(bound) for bound in table_rows.aminmax())
        if lowest < 0 or highest >= rows:
            raise ValueError(
                f"rows {lowest} to {highest} are requested of a table of {rows} rows"
            )
