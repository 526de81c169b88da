"""Metrics of answers in characters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gensweep.core.registries import metric
from gensweep.metrics._answers import carries, integers, operands

if TYPE_CHECKING:
    from torch import Tensor


@metric("char_accuracy", needs=("predicted", "answer"), unit="fraction", direction="max")
def char_accuracy(outputs: dict[str, Tensor]) -> float:
    """Share of the answers' characters that are right, padding included; the report's "accuracy".

    Range 0 to 1, higher is better. The best guess that knows nothing of the query, "11 ", is right in about a third of
    the characters: every answer shorter than three ends in spaces.
    """
    return right_characters(outputs["predicted"], outputs["answer"])


@metric("exact_match", needs=("predicted", "answer"), unit="fraction", direction="max")
def exact_match(outputs: dict[str, Tensor]) -> float:
    """Share of the answers whose every character is right: what a person means by "right".

    Range 0 to 1, higher is better.
    """
    return right_answers(outputs["predicted"], outputs["answer"])


@metric(
    "exact_match_plus",
    needs=("predicted", "answer", "query"),
    unit="fraction",
    direction="max",
    when="test",
)
def exact_match_plus(outputs: dict[str, Tensor]) -> float | None:
    """Share of the additions answered exactly. Range 0 to 1, higher is better; not defined without an addition."""
    return _right_where(outputs, lambda _, operator, __: operator == "+")


@metric(
    "exact_match_minus",
    needs=("predicted", "answer", "query"),
    unit="fraction",
    direction="max",
    when="test",
)
def exact_match_minus(outputs: dict[str, Tensor]) -> float | None:
    """Share of the subtractions answered exactly. Range 0 to 1, higher is better; not defined without a subtraction."""
    return _right_where(outputs, lambda _, operator, __: operator == "-")


@metric(
    "exact_match_carries_0",
    needs=("predicted", "answer", "query"),
    unit="fraction",
    direction="max",
    when="test",
)
def exact_match_carries_0(outputs: dict[str, Tensor]) -> float | None:
    """Share of the queries without a carry or borrow answered exactly.

    Range 0 to 1, higher is better; not defined where there is no such query. A subtraction counts the borrows of
    the smaller number taken from the larger one, also where the result is negative.
    """
    return _right_where(outputs, lambda *query: carries(*query) == 0)


@metric(
    "exact_match_carries_1",
    needs=("predicted", "answer", "query"),
    unit="fraction",
    direction="max",
    when="test",
)
def exact_match_carries_1(outputs: dict[str, Tensor]) -> float | None:
    """Share of the queries with one carry or borrow answered exactly.

    Range 0 to 1, higher is better; not defined where there is no such query. Counted as `exact_match_carries_0`.
    """
    return _right_where(outputs, lambda *query: carries(*query) == 1)


@metric(
    "exact_match_carries_2",
    needs=("predicted", "answer", "query"),
    unit="fraction",
    direction="max",
    when="test",
)
def exact_match_carries_2(outputs: dict[str, Tensor]) -> float | None:
    """Share of the queries with two carries answered exactly; all of them are additions.

    Range 0 to 1, higher is better; not defined where there is no such query. Counted as `exact_match_carries_0`.
    """
    return _right_where(outputs, lambda *query: carries(*query) == 2)


@metric("unparsable", needs=("predicted", "answer"), unit="fraction", direction="min")
def unparsable(outputs: dict[str, Tensor]) -> float:
    """Share of the answers that are no integer.

    Range 0 to 1, lower is better; 0 says nothing of how many are right. An integer is digits, after a minus sign or
    not, then spaces: the empty answer, `-`, `1-2` and `4 6` are none.
    """
    return no_integers(outputs["predicted"])


@metric(
    "mean_absolute_error", needs=("predicted", "answer"), unit="1", direction="min", when="test"
)
def mean_absolute_error(outputs: dict[str, Tensor]) -> float | None:
    """Mean distance of an answer that is an integer from the right one.

    Range 0 and up, lower is better; not defined where no answer is an integer. It leaves out what `unparsable`
    counts: read the two together. One wrong first digit weighs as much as a hundred wrong last ones.
    """
    return distance(outputs["predicted"], outputs["answer"])


def right_characters(given: Tensor, answer: Tensor) -> float:
    """Share of equal codes of [n, T] and [n, T]."""
    return (given == answer).double().mean().item()


def right_answers(given: Tensor, answer: Tensor) -> float:
    """Share of equal rows of [n, T] and [n, T]."""
    return (given == answer).all(dim=1).double().mean().item()


def no_integers(given: Tensor) -> float:
    """Share of answers [n, T] that are no integer."""
    return integers(given).count(None) / len(given)


def distance(given: Tensor, answer: Tensor) -> float | None:
    """Mean absolute difference of answers [n, T] and [n, T], where both are integers; None where none are."""
    pairs = zip(integers(given), integers(answer), strict=True)
    gaps = [abs(guess - right) for guess, right in pairs if guess is not None and right is not None]
    return sum(gaps) / len(gaps) if gaps else None


def _right_where(
    outputs: dict[str, Tensor], counts: Callable[[int, str, int], bool]
) -> float | None:
    """`right_answers` of the queries for which ``counts``; None where there are none."""
    rows = [index for index, query in enumerate(operands(outputs["query"])) if counts(*query)]
    return right_answers(outputs["predicted"][rows], outputs["answer"][rows]) if rows else None
