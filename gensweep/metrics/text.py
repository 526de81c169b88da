"""Metrics of answers in characters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gensweep.core.registries import register_metric
from gensweep.core.roles import Role
from gensweep.metrics._answers import (
    count_carries,
    parse_answers,
    parse_queries,
)

if TYPE_CHECKING:
    from torch import Tensor

ANSWERS = ("predicted", "answer")
"""Outputs that metrics of answers need."""
QUERIES = (*ANSWERS, "query")


@register_metric(
    "char_accuracy",
    needs=ANSWERS,
    unit="fraction",
    direction="max",
    range=(0, 1),
    roles=(Role.ANSWERS,),
    main_rank=10,
)
def compute_char_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of the answers' characters that are right, padding included; the paper's "accuracy".

    The best guess without the query, "11 ", is right in about a third of the
    characters: every answer shorter than three characters ends in spaces.
    """
    return share_right_characters(outputs["predicted"], outputs["answer"])


@register_metric(
    "exact_match",
    needs=ANSWERS,
    unit="fraction",
    direction="max",
    range=(0, 1),
    roles=(Role.ANSWERS, Role.COMPACT),
)
def compute_exact_match(outputs: dict[str, Tensor]) -> float:
    """Share of the answers whose every character is right: what a person means by "right"."""
    return share_right_answers(outputs["predicted"], outputs["answer"])


@register_metric(
    "exact_match_plus",
    needs=QUERIES,
    unit="fraction",
    direction="max",
    when="test",
    range=(0, 1),
    roles=(Role.ANSWERS,),
)
def compute_exact_match_plus(outputs: dict[str, Tensor]) -> float | None:
    """Share of the additions answered exactly.

    Not defined without an addition.
    """
    return _share_right_where(
        outputs, lambda _, operator, __: operator == "+"
    )


@register_metric(
    "exact_match_minus",
    needs=QUERIES,
    unit="fraction",
    direction="max",
    when="test",
    range=(0, 1),
    roles=(Role.ANSWERS,),
)
def compute_exact_match_minus(outputs: dict[str, Tensor]) -> float | None:
    """Share of the subtractions answered exactly.

    Not defined without a subtraction.
    """
    return _share_right_where(
        outputs, lambda _, operator, __: operator == "-"
    )


@register_metric(
    "exact_match_carries_0",
    needs=QUERIES,
    unit="fraction",
    direction="max",
    when="test",
    range=(0, 1),
    roles=(Role.ANSWERS,),
)
def compute_exact_match_carries_0(outputs: dict[str, Tensor]) -> float | None:
    """Share of the queries without a carry or borrow answered exactly.

    Not defined if there is no such query. A subtraction counts the borrows of
    taking the smaller number from the larger one, even if the result is
    negative.
    """
    return _share_right_where(
        outputs, lambda *query: count_carries(*query) == 0
    )


@register_metric(
    "exact_match_carries_1",
    needs=QUERIES,
    unit="fraction",
    direction="max",
    when="test",
    range=(0, 1),
    roles=(Role.ANSWERS,),
)
def compute_exact_match_carries_1(outputs: dict[str, Tensor]) -> float | None:
    """Share of the queries with one carry or borrow answered exactly.

    Not defined if there is no such query. Carries are counted as in
    `exact_match_carries_0`.
    """
    return _share_right_where(
        outputs, lambda *query: count_carries(*query) == 1
    )


@register_metric(
    "exact_match_carries_2",
    needs=QUERIES,
    unit="fraction",
    direction="max",
    when="test",
    range=(0, 1),
    roles=(Role.ANSWERS,),
)
def compute_exact_match_carries_2(outputs: dict[str, Tensor]) -> float | None:
    """Share of the queries with two carries answered exactly; all of them are additions.

    Not defined if there is no such query. Carries are counted as in
    `exact_match_carries_0`.
    """
    return _share_right_where(
        outputs, lambda *query: count_carries(*query) == 2
    )


@register_metric(
    "unparsable",
    needs=ANSWERS,
    unit="fraction",
    direction="min",
    range=(0, 1),
    roles=(Role.ANSWERS,),
)
def compute_unparsable(outputs: dict[str, Tensor]) -> float:
    """Share of the answers that are not integers.

    0 does not mean that any answer is right. An integer is digits, with or
    without a minus sign before, then spaces: the empty answer, `-`, `1-2` and
    `4 6` are not integers.
    """
    return share_without_integer(outputs["predicted"])


@register_metric(
    "mean_absolute_error",
    needs=ANSWERS,
    unit="1",
    direction="min",
    when="test",
    range=(0, None),
    roles=(Role.ANSWERS,),
)
def compute_mean_absolute_error(outputs: dict[str, Tensor]) -> float | None:
    """Mean distance of answers that are integers from the right ones.

    Not defined if no answer is an integer. It leaves out what `unparsable`
    counts: read the two together. One wrong first digit weighs as much as a
    hundred wrong last ones.
    """
    return mean_distance(outputs["predicted"], outputs["answer"])


def share_right_characters(predicted: Tensor, answer: Tensor) -> float:
    """Return the share of equal codes of [n, T] and [n, T]."""
    return (predicted == answer).double().mean().item()


def share_right_answers(predicted: Tensor, answer: Tensor) -> float:
    """Return the share of equal rows of [n, T] and [n, T]."""
    return (predicted == answer).all(dim=1).double().mean().item()


def share_without_integer(predicted: Tensor) -> float:
    """Return the share of answers [n, T] that are not integers."""
    return parse_answers(predicted).count(None) / len(predicted)


def mean_distance(predicted: Tensor, answer: Tensor) -> float | None:
    """Return the mean absolute difference of answers [n, T] and [n, T].

    Only pairs of integers count; None if there are none.
    """
    distances = []
    for guess, right in zip(
        parse_answers(predicted), parse_answers(answer), strict=True
    ):
        if guess is not None and right is not None:
            distances.append(abs(guess - right))
    if not distances:
        return None
    return sum(distances) / len(distances)


def _share_right_where(
    outputs: dict[str, Tensor], matches: Callable[[int, str, int], bool]
) -> float | None:
    """Return the share of right answers to the queries that match; None if there are none."""
    rows = []
    for row, query in enumerate(parse_queries(outputs["query"])):
        if matches(*query):
            rows.append(row)
    if not rows:
        return None
    return share_right_answers(
        outputs["predicted"][rows], outputs["answer"][rows]
    )
