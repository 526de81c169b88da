"""The precision of a training: float32, or bfloat16 for products.

Mixed precision as in Micikevicius et al. 2018 (arXiv:1710.03740), with bfloat16 instead of float16
(Kalamkar et al. 2019, arXiv:1905.12322). Its range is that of float32, so losses need no scaling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gensweep.system.precision import BFLOAT16, INSTRUCTIONS


def has_native_bfloat16(
    device: torch.device, processor: Mapping[str, Any] | None = None
) -> bool:
    """Return whether the device itself multiplies bfloat16, without conversions to float32.

    Args:
        device: where to compute.
        processor: the CPU's capabilities, by PyTorch's names; default: this machine's.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = (
            torch.cpu.get_capabilities() if processor is None else processor
        )
        return any(capabilities.get(name, False) for name in INSTRUCTIONS)
    return False


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return a context for a network's forward pass, its loss included, in a precision.

    In `bfloat16`, products and convolutions have that precision, and so has what they feed, until
    the network converts its outputs to float32. Parameters, gradients and losses stay float32.
    In `float32` nothing changes, even within a caller's own autocast.

    Within `vmap` or around it, it does the same, with two exceptions: a dense layer's output is
    float32 (its product is not), and so are a CPU's convolutions that PyTorch computes.

    Enter a new context for every step: it caches converted weights until its end.
    """
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == BFLOAT16
    )
