"""The precisions that a training may compute in, and which of them `auto` is; without torch."""

from __future__ import annotations

from gensweep.system.environment import describe_processor

FLOAT32, BFLOAT16 = "float32", "bfloat16"
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""Those that multiply bfloat16, as Linux and PyTorch call them: of x86, of x86's matrix unit, of ARM."""


def has_bfloat16_instructions() -> bool:
    """Whether the processor multiplies bfloat16 itself, as far as can be told without torch."""
    return not set(INSTRUCTIONS).isdisjoint(describe_processor().split())


def resolve_precision(asked: str, native: bool) -> str:
    """The precision that a training has: `float32` or `bfloat16`.

    Args:
        asked: `auto`, `float32` or `bfloat16`.
        native: whether the device computes bfloat16 natively; decides what `auto` is.
    """
    if asked == "auto":
        return BFLOAT16 if native else FLOAT32
    return asked
