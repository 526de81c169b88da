"""Convolutions and LSTMs, computed by kernels in C if possible, and else by PyTorch.

Code outside the folder imports nothing but this file. README.md says what each function equals, how
memory is laid out, and how to switch the kernels off. This file, `reference.py` and
`lstm_reference.py` work alone: without the other files of the folder PyTorch computes everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gensweep.kernels.trie import Trie

__all__ = [
    "Trie",
    "build_trie",
    "compile_ahead",
    "conv",
    "conv_same",
    "conv_transpose",
    "find_trie",
    "get_product_dtype",
    "is_available",
    "is_enabled",
    "lstm",
    "lstm_over_trie",
    "to_product_dtype",
]

HAS_KERNELS = find_spec(f"{__name__}.conv_functions") is not None
"""Whether the files that need C are in this folder."""


def __getattr__(name: str) -> Any:
    # `Trie` imports torch, which this file does not, so that quick commands start quickly.
    if name != "Trie":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gensweep.kernels.trie import Trie

    return Trie


# --- availability


def is_enabled() -> bool:
    """Return whether kernels may be used.

    Their files must be here, and the environment variable GENSWEEP_COMPILED must not be 0.
    """
    if not HAS_KERNELS:
        return False
    from gensweep.kernels import build

    return build.is_enabled()


def is_available(tensor: Tensor) -> bool:
    """Return whether kernels compute such tensors here: float32 or bfloat16, one thread of a CPU.

    The first call compiles the kernels of the tensor's precision, which may take some seconds.
    """
    if not HAS_KERNELS:
        return False
    from gensweep.kernels import bindings

    return bindings.is_available(tensor)


def compile_ahead(precisions: Iterable[str]) -> None:
    """Compile the kernels that the cache lacks; imports no torch.

    Args:
        precisions: `float32` or `bfloat16`.
    """
    if not is_enabled():
        return
    from gensweep.kernels import build

    for precision in sorted(set(precisions)):
        build.load_library(precision)


def get_product_dtype(tensor: Tensor) -> torch.dtype:
    """Return the precision of products with a tensor: its own, or that of autocast."""
    from gensweep.kernels import reference

    return reference.get_product_dtype(tensor)


def to_product_dtype(tensor: Tensor) -> Tensor:
    """Return the tensor in the precision of products with it; see `get_product_dtype`."""
    from gensweep.kernels import reference

    return tensor.to(reference.get_product_dtype(tensor))


# --- convolutions


def conv(
    x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0
) -> Tensor:
    """Return a 3x3 convolution of stride 2, padding 1, followed by a leaky ReLU.

    Args:
        x: pictures [B, C, H, W]; H and W are even.
        weight: [D, C, 3, 3].
        bias: [D].
        slope: of the leaky ReLU for negative sums; 0 is a ReLU, 1 is no activation.

    Returns:
        [B, D, H/2, W/2]. It can be differentiated once.
    """
    if HAS_KERNELS:
        from gensweep.kernels import conv_functions

        return conv_functions.conv(x, weight, bias, slope)
    from gensweep.kernels import reference

    return reference.conv(x, weight, bias, slope)


def conv_transpose(
    x: Tensor, weight: Tensor, bias: Tensor, slope: float = 1.0
) -> Tensor:
    """Return a transposed 3x3 convolution of stride 2, padding 1, followed by a leaky ReLU.

    Args:
        x: pictures [B, C, H, W].
        weight: [C, D, 3, 3].
        bias: [D].
        slope: of the leaky ReLU for negative sums; 0 is a ReLU, 1 is no activation.

    Returns:
        [B, D, 2 H, 2 W]. It can be differentiated once.
    """
    if HAS_KERNELS:
        from gensweep.kernels import conv_functions

        return conv_functions.conv_transpose(x, weight, bias, slope)
    from gensweep.kernels import reference

    return reference.conv_transpose(x, weight, bias, slope)


def conv_same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a 3x3 convolution of stride 1, padding 1, without activation.

    Args:
        x: pictures [B, C, H, W].
        weight: [D, C, 3, 3].
        bias: [D].

    Returns:
        [B, D, H, W]. It can be differentiated once.
    """
    if HAS_KERNELS:
        from gensweep.kernels import conv_functions

        return conv_functions.conv_same(x, weight, bias)
    from gensweep.kernels import reference

    return reference.conv_same(x, weight, bias)


# --- LSTMs


def lstm(projected: Tensor, weight: Tensor) -> Tensor:
    """Return the hidden states of an LSTM that starts at zero (equations: Gers et al. 2000).

    Args:
        projected: [T, B, 4H], what inputs and bias add to the gates: input, forget, cell, output.
        weight: [4H, H], of the state of the step before.

    Returns:
        [T, B, H]. It can be differentiated once.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    if HAS_KERNELS:
        from gensweep.kernels import lstm_functions

        return lstm_functions.lstm(projected, weight)
    from gensweep.kernels import reference

    return reference.lstm(projected, weight)


def lstm_over_trie(
    projected: Tensor,
    weight: Tensor,
    trie: Trie,
    table_rows: Tensor | None = None,
) -> Tensor:
    """Return the hidden states of an LSTM at the nodes of a trie.

    The step before that of a node is the step of its parent.

    `vmap` cannot batch it.

    Args:
        projected: [N, 4H], what inputs and bias add to the gates of each node. With `table_rows` it
            is a table [V, 4H]. The table, and then its gradient, may have a higher precision than
            `weight`.
        weight: [4H, H], of the state of the parent.
        trie: of N nodes.
        table_rows: the row of the table for each node, [N].

    Returns:
        [N, H], in the precision of `weight`. It can be differentiated once.

    Raises:
        ValueError: the shapes do not fit each other, or the table has no such row.
    """
    if HAS_KERNELS:
        from gensweep.kernels import lstm_functions

        return lstm_functions.lstm_over_trie(
            projected, weight, trie, table_rows
        )
    from gensweep.kernels import reference

    return reference.lstm_over_trie(projected, weight, trie, table_rows)


def build_trie(codes: Tensor, field: str) -> dict[str, Tensor]:
    """Return the entries of a batch that hold the trie of a field's codes [B, T].

    They are for `lstm_over_trie`. Call it only if kernels are available: PyTorch gains nothing.
    """
    from gensweep.kernels.trie import Trie

    return Trie.from_sequences(codes).to_entries(field)


def find_trie(batch: Mapping[str, Tensor], field: str) -> Trie | None:
    """Return the trie of a batch's field; None if `build_trie` did not add one."""
    if not HAS_KERNELS:
        return None
    from gensweep.kernels.trie import Trie

    return Trie.from_entries(batch, field)
