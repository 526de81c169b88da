"""Values that somebody may write, or compute, in place of a right one."""

from __future__ import annotations

import decimal
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gensweep.core.errors import UserError


class Unequal:
    """A value that cannot be compared, hashed or printed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __repr__(self) -> str:
        raise RuntimeError("printed")


def list_odd_values() -> list[Any]:
    """Values that somebody may write, or compute, in place of a right one."""
    texts = ["", " ", "a", "\0", "\ud800", "x" * 300, b"", b"x"]
    numbers: list[Any] = [float("nan"), float("inf"), -1, 0, 1, 0.5, True, False]
    numbers += [10**400, 10**5000, -(10**400), 1 << 63, 1e300, 1j, decimal.Decimal("0.1")]
    numpy = [np.float64("nan"), np.int64(3), np.array([1, 2]), np.array([]), np.array(3)]
    numpy.append(np.zeros((2, 2)))
    lists: list[Any] = [[], [None], ["a"], [1, "a"], [[1]], [float("nan")], [10**400], [{}]]
    lists += [[object()], [b"x"], [Unequal()], {}, {"a": 1}, {None: 1}, set(), {1}, (), range(3)]
    return [
        None,
        ...,
        object(),
        Unequal(),
        Unequal,
        len,
        iter([1]),
        *texts,
        *numbers,
        *numpy,
        *lists,
    ]


ODD = range(len(list_odd_values()))


def check(names: str, call: Callable[[Any], Any]) -> None:
    """Call with every odd value: it is taken, or refused by an error that names the argument."""
    for number in ODD:
        value = list_odd_values()[number]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(value)
        except UserError as error:
            assert any(name in str(error) for name in names.split()), (number, str(error)[:300])
            assert len(str(error)) < 2000
