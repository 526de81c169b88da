"""Choices of the large files that stay in a point's folder when the point is done."""

from __future__ import annotations

from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.values import show_value

CHECKPOINT_TOO, WEIGHTS_ALONE, NOTHING = "checkpoint", "weights", "nothing"
KEEP_CHOICES = {
    CHECKPOINT_TOO: "the weights and the complete state of the training, from which a longer "
    "training of the same point goes on",
    WEIGHTS_ALONE: "the weights, which `sample`, `interpolate`, `answer` and `evaluate` need",
    NOTHING: "neither; records, histories, answers and samples always stay",
}


def keeps_weights(keep: str) -> bool:
    """Return whether the weights stay."""
    return keep != NOTHING


def check_keep(prefix: str, keep: Any) -> str:
    """Return one of `KEEP_CHOICES`.

    Raises:
        SweepError: the value is none of them.
    """
    if isinstance(keep, str) and keep in KEEP_CHOICES:
        return keep
    raise SweepError(
        f"{prefix} {show_value(keep)} is none of {', '.join(KEEP_CHOICES)}"
    )
