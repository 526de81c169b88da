"""Metrics of answers in pictures, as a reader reads them: a small classifier of single characters.

The reader learns the characters that the training queries show and is never shown what the model draws; see
`gensweep.train.reader`. It errs too: `reader_digit_accuracy` bounds what these metrics can tell apart, and where it is
too low, tables withhold them: `gensweep.core.soundness`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import metric, register_derived
from gensweep.metrics.text import distance, no_integers, right_answers, right_characters

if TYPE_CHECKING:
    from torch import Tensor


@register_derived("read", ("generated",), tool="reader")
def read(generated: Tensor, reader: Any) -> Tensor:
    """Codes [B, T] of the characters that the reader sees in pictures [B, T, 28, 28]; a blank is the space."""
    return reader.read(generated)


@register_derived("held_out_accuracy", ("generated",), tool="reader")
def held_out_accuracy(generated: Tensor, reader: Any) -> Tensor:
    """The accuracy of the reader that read the example [B]."""
    import torch

    return torch.full((len(generated),), reader.accuracy, dtype=torch.float64)


@metric("read_char_accuracy", needs=("read", "answer"), unit="fraction", direction="max")
def read_char_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of the answers' characters that the reader reads as the right ones, blanks included.

    Range 0 to 1, higher is better. The reader always names a character, however little a picture looks like one, and
    its own errors are in it: see `reader_digit_accuracy`, below 0.9 of which it is withheld.
    """
    return right_characters(outputs["read"], outputs["answer"])


@metric("read_exact_match", needs=("read", "answer"), unit="fraction", direction="max")
def read_exact_match(outputs: dict[str, Tensor]) -> float:
    """Share of the answers whose every character the reader reads as the right one.

    Range 0 to 1, higher is better. An answer has about two digits: even perfect answers score about the second power
    of `reader_digit_accuracy`, below 0.9 of which it is withheld.
    """
    return right_answers(outputs["read"], outputs["answer"])


@metric("read_unparsable", needs=("read", "answer"), unit="fraction", direction="min")
def read_unparsable(outputs: dict[str, Tensor]) -> float:
    """Share of the answers that are, as read, no integer; counted as `unparsable`.

    Range 0 to 1, lower is better; 0 says nothing of how many are right.
    """
    return no_integers(outputs["read"])


@metric(
    "read_mean_absolute_error", needs=("read", "answer"), unit="1", direction="min", when="test"
)
def read_mean_absolute_error(outputs: dict[str, Tensor]) -> float | None:
    """Mean distance of an answer that is, as read, an integer from the right one.

    Range 0 and up, lower is better; not defined where no answer is an integer. Read it beside `read_unparsable`.
    """
    return distance(outputs["read"], outputs["answer"])


@metric(
    "reader_digit_accuracy",
    needs=("held_out_accuracy",),
    unit="fraction",
    direction="none",
    when="test",
)
def reader_digit_accuracy(outputs: dict[str, Tensor]) -> float | None:
    """Share of the digit pictures, shown by test queries and never by training ones, that the reader reads rightly.

    Range 0 to 1; not defined where no digit is left to measure it on. Every picture of a digit counts once; drawn
    operators and the blank, which are easy, do not count. It says how far `read_char_accuracy` and `read_exact_match`
    can be trusted, and nothing of the model: what a model draws is blurred, and the reader may do worse, or better, on
    that.
    """
    accuracy = outputs["held_out_accuracy"][0].item()
    return None if math.isnan(accuracy) else accuracy
