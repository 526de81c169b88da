"""What is odd about a training that ended well: a loss that exploded, samples or answers that are all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from gensweep.core.model import Model

EXPLODED = 1000
"""A loss so many times that of an untrained network has exploded; no loss of a training that learns comes near."""
COLLAPSED = 0.001
"""Samples whose spread is less than this share of the real pictures' are all alike.

It is a tenth of a level of 256, which nobody sees. Networks that have learnt nothing yet lie above it.
"""
LEAST = 16
"""Examples below which nobody can say that all are alike."""


def find_warnings(
    model: Model, history: Sequence[Mapping[str, float]], outputs: Mapping[str, Tensor]
) -> list[str]:
    """Return a sentence for everything odd.

    Args:
        model: the model's config.
        history: a line for each epoch, as `Training.history`.
        outputs: of the test set [n, ...] each, as the metrics need them.
    """
    return [*_exploded(model, history), *_collapsed(outputs), *_constant(outputs)]


def _exploded(model: Model, history: Sequence[Mapping[str, float]]) -> list[str]:
    last, limit = (history[-1] if history else {}), EXPLODED * model.untrained_loss()
    return [
        f"{name} has exploded: {value:.3g} in the last epoch, where an untrained network has about "
        f"{model.untrained_loss():.3g}"
        for name, value in last.items()
        if name.startswith("train/") and name.endswith("loss") and value > limit
    ]


def _collapsed(outputs: Mapping[str, Tensor]) -> list[str]:
    """Compare spreads: standard deviations over the examples, mean over directions of pixel space."""
    samples, pictures = (outputs.get(f"{kind}_projections") for kind in ("sample", "picture"))
    if samples is None or pictures is None or len(samples) < LEAST:
        return []
    spread, real = (values.double().std(dim=0).mean().item() for values in (samples, pictures))
    if spread >= COLLAPSED * real:
        return []
    return [
        f"samples are all alike: their spread is {spread / real:.2%} of that of as many test pictures"
    ]


def _constant(outputs: Mapping[str, Tensor]) -> list[str]:
    given = outputs.get("predicted", outputs.get("read"))
    if given is None or len(given) < LEAST or (outputs["answer"] == outputs["answer"][0]).all():
        return []
    is_constant = bool((given == given[0]).all())
    return ["every query of the test set gets one and the same answer"] if is_constant else []
