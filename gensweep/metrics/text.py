"""Metrics of answers in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensweep.core.catalog import metric

if TYPE_CHECKING:
    from torch import Tensor


@metric("char_accuracy", needs=("predicted", "answer"), unit="fraction", direction="max")
def char_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of the answers' characters that are right, padding included; the report's "accuracy"."""
    return (outputs["predicted"] == outputs["answer"]).double().mean().item()


@metric("exact_match", needs=("predicted", "answer"), unit="fraction", direction="max")
def exact_match(outputs: dict[str, Tensor]) -> float:
    """Share of the answers whose every character is right: what a person means by "right"."""
    return (outputs["predicted"] == outputs["answer"]).all(dim=1).double().mean().item()
