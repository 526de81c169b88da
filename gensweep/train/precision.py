"""Which numbers a training computes in: float32, or bfloat16 where the products are.

Mixed precision as in Micikevicius et al. 2018 (arXiv:1710.03740), with bfloat16 in place of float16 (Kalamkar et al.
2019, arXiv:1905.12322), whose range is that of float32, so that losses need no scaling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gensweep.system.precision import BFLOAT16, INSTRUCTIONS


def has_native_bfloat16(device: torch.device, processor: Mapping[str, Any] | None = None) -> bool:
    """Whether the device multiplies bfloat16 itself, and does not convert every number there and back.

    Args:
        device: where to compute.
        processor: what the CPU can, by PyTorch's names; default: this machine's.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        there = torch.cpu.get_capabilities() if processor is None else processor
        return any(there.get(name, False) for name in INSTRUCTIONS)
    return False


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """A context for a network's forward pass, its loss included, in a precision.

    In `bfloat16` products and convolutions are, and what they feed, until the network makes its outputs float32;
    parameters, gradients and losses stay float32. In `float32` nothing changes, even within a caller's own autocast.
    Within `vmap` or around it, it does the same, but that a dense layer's output is float32 there (its product is not),
    and a CPU's convolutions are where PyTorch computes them. To be entered anew for every step: it keeps the weights
    that it converted until it is left.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == BFLOAT16)
