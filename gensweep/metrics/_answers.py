"""Answers and queries as numbers: what an answer says, and how hard its query is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.alphabet import decode

if TYPE_CHECKING:
    from torch import Tensor

_INTEGER = re.compile(r"-?[0-9]+")
_KEPT = 1 << 15
"""Texts that are taken apart once for all metrics and points: more than there are queries, or answers."""


def parse(text: str) -> int | None:
    """The integer that an answer is, trailing spaces aside: digits, after a minus sign or not; None for all else.

    So `46 `, `-5 ` and `007` are integers; the empty answer, `-`, `1-2`, `4 6`, ` 46` and `+46` are none.
    """
    text = text.rstrip(" ")
    return int(text) if _INTEGER.fullmatch(text) else None


def integers(codes: Tensor) -> list[int | None]:
    """What each of some answers [n, T] says."""
    return [_integer(tuple(row)) for row in codes.tolist()]


def operands(codes: Tensor) -> list[tuple[int, str, int]]:
    """Each of some queries [n, T] taken apart: first number, operator, second number.

    Raises:
        ValueError: one is not two numbers with an operator between.
    """
    return [_operands(tuple(row)) for row in codes.tolist()]


@lru_cache(_KEPT)
def _integer(codes: tuple[int, ...]) -> int | None:
    return parse(decode(codes))


@lru_cache(_KEPT)
def _operands(codes: tuple[int, ...]) -> tuple[int, str, int]:
    first, operator, second = re.split(r"([+-])", decode(codes).rstrip(" "))
    return int(first), operator, int(second)


@lru_cache(_KEPT)
def carries(first: int, operator: str, second: int) -> int:
    """Carries of an addition, or borrows of a subtraction, in column arithmetic.

    A subtraction takes the smaller number from the larger one, as a person does before putting a minus sign, so one
    of two-digit numbers borrows once or not at all. Each carry lowers the sum of the digits by 9 (Kummer 1852), and
    borrows are the carries of adding back.
    """
    if operator == "-":
        first, second = abs(first - second), min(first, second)
    return (_digit_sum(first) + _digit_sum(second) - _digit_sum(first + second)) // 9


def _digit_sum(number: int) -> int:
    return sum(map(int, str(number)))
