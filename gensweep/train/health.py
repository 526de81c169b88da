"""Warnings about a training that ended well: an exploded loss, or samples or answers all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from gensweep.core.model import Model

EXPLODED_FACTOR = 1000
"""A loss of so many times that of an untrained network has exploded.

No loss of a training that learns comes near.
"""
COLLAPSED_SHARE = 0.001
"""Samples whose spread is less than this share of the real pictures' spread are all alike.

It is a tenth of a level of 256, which nobody sees. Networks that have learnt nothing yet lie above.
"""
MIN_EXAMPLES = 16
"""With fewer examples, nobody can say that all are alike."""


def find_warnings(
    model: Model,
    history: Sequence[Mapping[str, float]],
    outputs: Mapping[str, Tensor],
) -> list[str]:
    """Return a sentence for everything odd.

    Args:
        model: the model's config.
        history: a line for each epoch, as `Training.history`.
        outputs: of the test set [n, ...] each, as the metrics need them.
    """
    return [
        *_find_exploded_losses(model, history),
        *_find_collapsed_samples(outputs),
        *_find_constant_answers(outputs),
    ]


def _find_exploded_losses(
    model: Model, history: Sequence[Mapping[str, float]]
) -> list[str]:
    untrained = model.estimate_untrained_loss()
    if not history or untrained is None:
        return []
    warnings = []
    for name, value in history[-1].items():
        is_loss = name.startswith("train/") and name.endswith("loss")
        if is_loss and value > EXPLODED_FACTOR * untrained:
            warnings.append(
                f"{name} has exploded: {value:.3g} in the last epoch, where an untrained network "
                f"has about {untrained:.3g}"
            )
    return warnings


def _find_collapsed_samples(outputs: Mapping[str, Tensor]) -> list[str]:
    samples = outputs.get("sample_projections")
    pictures = outputs.get("picture_projections")
    if samples is None or pictures is None or len(samples) < MIN_EXAMPLES:
        return []
    spread, real_spread = _measure_spread(samples), _measure_spread(pictures)
    if spread >= COLLAPSED_SHARE * real_spread:
        return []
    share = spread / real_spread
    return [
        f"samples are all alike: their spread is {share:.2%} of the test pictures' spread"
    ]


def _measure_spread(projections: Tensor) -> float:
    """Return the standard deviation over examples, mean over directions of pixel space."""
    return projections.double().std(dim=0).mean().item()


def _find_constant_answers(outputs: Mapping[str, Tensor]) -> list[str]:
    predicted = outputs.get("predicted", outputs.get("read"))
    if predicted is None or len(predicted) < MIN_EXAMPLES:
        return []
    right = outputs["answer"]
    # A constant answer is no fault if it is the right one for every query.
    if _is_constant(right) or not _is_constant(predicted):
        return []
    return ["every query of the test set gets one and the same answer"]


def _is_constant(codes: Tensor) -> bool:
    """Return whether all rows of codes [n, T] are equal."""
    return bool((codes == codes[0]).all())
