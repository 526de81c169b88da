"""The precisions that a training may use, and the choice of `auto`; without torch."""

from __future__ import annotations

from gensweep.system.environment import describe_processor

FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""Instructions that multiply bfloat16, as Linux and PyTorch call them: x86, x86's AMX, ARM."""


def has_bfloat16_instructions() -> bool:
    """Return whether the processor says that it can multiply bfloat16."""
    return not set(INSTRUCTIONS).isdisjoint(describe_processor().split())


def resolve_precision(requested: str, native: bool) -> str:
    """Return the precision of a training: `float32` or `bfloat16`.

    Args:
        requested: `auto`, `float32` or `bfloat16`.
        native: whether the device computes bfloat16 natively; it decides for `auto`.
    """
    if requested != "auto":
        return requested
    return BFLOAT16 if native else FLOAT32
