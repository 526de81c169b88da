"""Answers and queries as numbers: the integer of an answer, and the carries of a query."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.alphabet import decode

if TYPE_CHECKING:
    from torch import Tensor

_INTEGER = re.compile(r"-?[0-9]+")
MAX_TEXTS_CACHED = 1 << 15
"""More than there are queries, or answers: each is parsed once for all metrics and points."""


def parse(text: str) -> int | None:
    """Return the integer that an answer is, without trailing spaces; None if it is not one.

    An integer is digits, with or without a minus sign before. So `46 `, `-5 ` and `007` are
    integers; the empty answer, `-`, `1-2`, `4 6`, ` 46` and `+46` are not.
    """
    text = text.rstrip(" ")
    if not _INTEGER.fullmatch(text):
        return None
    return int(text)


def parse_answers(codes: Tensor) -> list[int | None]:
    """Return the integer of each answer [n, T]; None for answers that are not integers."""
    return [_parse_answer(tuple(row)) for row in codes.tolist()]


def parse_queries(codes: Tensor) -> list[tuple[int, str, int]]:
    """Return first number, operator and second number of each query [n, T].

    Raises:
        ValueError: a query is not two numbers with an operator between.
    """
    return [_parse_query(tuple(row)) for row in codes.tolist()]


@lru_cache(MAX_TEXTS_CACHED)
def _parse_answer(codes: tuple[int, ...]) -> int | None:
    return parse(decode(codes))


@lru_cache(MAX_TEXTS_CACHED)
def _parse_query(codes: tuple[int, ...]) -> tuple[int, str, int]:
    first, operator, second = re.split(r"([+-])", decode(codes).rstrip(" "))
    return int(first), operator, int(second)


@lru_cache(MAX_TEXTS_CACHED)
def count_carries(first: int, operator: str, second: int) -> int:
    """Return the carries of an addition, or the borrows of a subtraction, in column arithmetic.

    A subtraction takes the smaller number from the larger one, as a person does before writing a
    minus sign. So one of two-digit numbers borrows once or not at all.
    """
    if operator == "-":
        # Borrows are the carries of adding the difference back to the smaller number.
        first, second = abs(first - second), min(first, second)
    # Each carry lowers the sum of the digits by 9 (Kummer 1852).
    lost = (
        _sum_digits(first) + _sum_digits(second) - _sum_digits(first + second)
    )
    return lost // 9


def _sum_digits(number: int) -> int:
    return sum(map(int, str(number)))
