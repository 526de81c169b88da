"""Parameters whose values have an order, and the questions about them."""

from __future__ import annotations

from dataclasses import dataclass


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
    Axis("encoder_layers", "Do more encoder layers help {}", "for each encoder layer"),
    Axis("decoder_layers", "Do more decoder layers help {}", "for each decoder layer"),
)
TRAINING = (
    Axis("train_fraction", "Does more training data help {}", "for each tenth of the pool", 0.1),
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
