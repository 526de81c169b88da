"""Parameters whose values have an order, and the questions about them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MIN_RATIO = 4.0
"""Two values at least this far apart, one over the other, are compared by their logarithm."""


@dataclass(frozen=True)
class Axis:
    """A parameter whose values have an order.

    Attributes:
        name: the parameter's.
        question: with a place for the model.
        step: what a slope is the change over.
        unit: the step's size, on the values or on their logarithm to base 2.
        is_doubling: whether it is on the logarithm.
    """

    name: str
    question: str
    step: str
    unit: float = 1.0
    is_doubling: bool = False


SIDES = {
    (True, False): "only the encoder raised",
    (False, True): "only the decoder raised",
    (True, True): "both depths raised",
}
"""(is the encoder, is the decoder deeper than the sweep's smallest) -> the cell in words."""
DEPTH = (
    Axis(
        "encoder_layers",
        "Do more encoder layers help {}",
        "for each encoder layer",
    ),
    Axis(
        "decoder_layers",
        "Do more decoder layers help {}",
        "for each decoder layer",
    ),
)
TRAINING = (
    Axis(
        "train_fraction",
        "Does more training data help {}",
        "for each tenth of the pool",
        0.1,
    ),
    Axis(
        "epochs",
        "Do more epochs help {}",
        "for each doubling of the epochs",
        is_doubling=True,
    ),
    Axis(
        "batch_size",
        "Do smaller batches help {}",
        "for each halving of the batch",
        unit=-1.0,
        is_doubling=True,
    ),
)

_KNOWN = {axis.name: axis for axis in (*DEPTH, *TRAINING)}


def is_numeric(values: Sequence[Any]) -> bool:
    """Return whether all values are numbers, so that they have an order and distances."""
    return all(
        isinstance(value, (int, float)) and not isinstance(value, bool)
        for value in values
    )


def make_axis(name: str, values: Sequence[float]) -> Axis:
    """Return the axis of a numeric parameter, with its question.

    Values that are spread more evenly on their logarithm are compared there, by doublings.

    Args:
        name: the parameter.
        values: two or more different numbers.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    question = f"Does a larger {name} help {{}}"
    ordered = sorted(values)
    if _is_geometric(ordered):
        return Axis(
            name, question, f"for each doubling of {name}", is_doubling=True
        )
    gap = min(after - before for before, after in itertools.pairwise(ordered))
    return Axis(name, question, f"for each {gap:.3g} of {name}", gap)


def _is_geometric(ordered: Sequence[float]) -> bool:
    """Return whether ascending values grow by a factor rather than by an amount."""
    if ordered[0] <= 0:
        return False
    if len(ordered) == 2:
        return ordered[1] / ordered[0] >= MIN_RATIO
    steps = np.diff(np.array(ordered, float))
    factors = np.diff([math.log(value) for value in ordered])
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())
