"""Metrics of drawn answers, as a reader reads them: a small classifier of single characters.

The reader learns the characters that the training queries show, and never sees a model's pictures;
see `gensweep.train.reader`. It makes errors too. `reader_digit_accuracy` bounds the differences
that these metrics can show; if it is too low, tables leave them out: `gensweep.core.soundness`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_derived, register_metric
from gensweep.core.roles import Role
from gensweep.metrics.text import (
    mean_distance,
    share_right_answers,
    share_right_characters,
    share_without_integer,
)

if TYPE_CHECKING:
    from torch import Tensor

ANSWERS = ("read", "answer")
"""Outputs that metrics of drawn answers need."""


@register_derived("read", ("generated",), tool="reader")
def read(generated: Tensor, reader: Any) -> Tensor:
    """Codes [B, T] of the characters that the reader sees in pictures [B, T, 28, 28].

    A blank is the space.
    """
    return reader.read(generated)


@register_derived("held_out_accuracy", ("generated",), tool="reader")
def repeat_reader_accuracy(generated: Tensor, reader: Any) -> Tensor:
    """Accuracy of the reader that read the example [B]."""
    import torch

    return torch.full((len(generated),), reader.accuracy, dtype=torch.float64)


@register_metric(
    "read_char_accuracy",
    needs=ANSWERS,
    unit="fraction",
    direction="max",
    range=(0, 1),
    roles=(Role.DRAWN_ANSWERS, Role.READ),
    main_rank=30,
)
def compute_read_char_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of the answers' characters that the reader reads as the right ones, blanks included.

    The reader always names a character, however little a picture looks like
    one, and its own errors count too: see `reader_digit_accuracy`; if that is
    below 0.9, this metric is left out.
    """
    return share_right_characters(outputs["read"], outputs["answer"])


@register_metric(
    "read_exact_match",
    needs=ANSWERS,
    unit="fraction",
    direction="max",
    range=(0, 1),
    roles=(Role.DRAWN_ANSWERS, Role.READ, Role.COMPARED),
    main_rank=20,
)
def compute_read_exact_match(outputs: dict[str, Tensor]) -> float:
    """Share of the answers whose every character the reader reads as the right one.

    An answer has about two digits: even perfect answers score about the second
    power of `reader_digit_accuracy`; if that is below 0.9, this metric is left
    out.
    """
    return share_right_answers(outputs["read"], outputs["answer"])


@register_metric(
    "read_unparsable",
    needs=ANSWERS,
    unit="fraction",
    direction="min",
    range=(0, 1),
    roles=(Role.DRAWN_ANSWERS, Role.READ),
)
def compute_read_unparsable(outputs: dict[str, Tensor]) -> float:
    """Share of the answers that are not integers, as the reader reads them; see `unparsable`.

    0 does not mean that any answer is right.
    """
    return share_without_integer(outputs["read"])


@register_metric(
    "read_mean_absolute_error",
    needs=ANSWERS,
    unit="1",
    direction="min",
    when="test",
    range=(0, None),
    roles=(Role.DRAWN_ANSWERS, Role.READ),
)
def compute_read_mean_absolute_error(
    outputs: dict[str, Tensor],
) -> float | None:
    """Mean distance of answers that are integers, as the reader reads them, from the right ones.

    Not defined if no answer is an integer. Read it together with
    `read_unparsable`.
    """
    return mean_distance(outputs["read"], outputs["answer"])


@register_metric(
    "reader_digit_accuracy",
    needs=("held_out_accuracy",),
    unit="fraction",
    direction="none",
    when="test",
    range=(0, 1),
)
def get_reader_digit_accuracy(outputs: dict[str, Tensor]) -> float | None:
    """Share of the held-out digits that the reader reads correctly.

    Not defined if no digit is held out. Held-out digits are shown by test
    queries and never by training queries. Every picture of a digit counts once;
    drawn operators and the blank, which are easy, do not count. It says how far
    `read_char_accuracy` and `read_exact_match` can be trusted, and nothing
    about the model: what a model draws is blurred, and the reader may be worse
    or better at that.
    """
    accuracy = outputs["held_out_accuracy"][0].item()
    return None if math.isnan(accuracy) else accuracy
