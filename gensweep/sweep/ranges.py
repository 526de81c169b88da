"""The values that a search may try for one parameter: a range of numbers, or choices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.values import show_value
from gensweep.sweep.axes import list_axis_values
from gensweep.sweep.parameters import unwrap_scalar
from gensweep.sweep.range_limits import (
    check_positive,
    check_width,
    set_limits,
)
from gensweep.sweep.rounding import count_rounded, round_digits


@dataclass(frozen=True)
class Uniform:
    """Numbers between two limits, each as likely as any other.

    Raises:
        SweepError: the limits are no finite numbers, or the first is not the smaller one.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        set_limits(self, float)
        check_width(self)

    def take(self, share: float) -> float:
        """Return the value at a share of the range, 0 to 1."""
        return self.round(self.low + share * (self.high - self.low))

    def round(self, value: float) -> float:
        """Return a value with `SIGNIFICANT_DIGITS`, within the limits."""
        # Plus zero: -0.0 and 0.0 are equal, but their texts in an id are not.
        rounded = round_digits(value) + 0.0
        return min(max(rounded, self.low), self.high)

    def list_extremes(self) -> list[Any]:
        """Return the values that stand for all others when they are checked."""
        return [self.low, self.high]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.low!r}, {self.high!r})"


class Log(Uniform):
    """Positive numbers between two limits, whose logarithms are equally likely: for rates."""

    def __post_init__(self) -> None:
        set_limits(self, float)
        check_positive(self, "Uniform")
        check_width(self)

    def take(self, share: float) -> float:
        """Return the value at a share of the range, 0 to 1."""
        low, high = math.log(self.low), math.log(self.high)
        return self.round(math.exp(low + share * (high - low)))


@dataclass(frozen=True)
class Integer:
    """Whole numbers from the first limit to the last one, both included.

    Args:
        low: the smallest.
        high: the largest.
        log: make the logarithms equally likely instead of the numbers.

    Raises:
        SweepError: the limits are no whole numbers, or the first is not the smaller one.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        set_limits(self, int)
        if not isinstance(self.log, bool):
            raise SweepError(
                f"Integer: log={show_value(self.log)} is neither True nor False"
            )
        if self.log:
            check_positive(self, "Integer without log=True")

    def take(self, share: float) -> int:
        """Return the value at a share of the range, 0 to 1."""
        # Half a step more on either side, so that the limits are as likely as the others.
        low, high = self.low - 0.5, self.high + 0.5
        if self.log:
            value = math.exp(
                math.log(low) + share * (math.log(high) - math.log(low))
            )
        else:
            value = low + share * (high - low)
        return min(max(round(value), self.low), self.high)

    def list_extremes(self) -> list[Any]:
        """Return the values that stand for all others when they are checked."""
        return [self.low, self.high]

    def __repr__(self) -> str:
        log = ", log=True" if self.log else ""
        return f"Integer({self.low}, {self.high}{log})"


@dataclass(frozen=True)
class Choice:
    """Some values, each as likely as any other; a sweep file writes them as a list."""

    values: tuple[Any, ...]

    def take(self, share: float) -> Any:
        """Return the value at a share of the list, 0 to 1."""
        return self.values[
            min(int(share * len(self.values)), len(self.values) - 1)
        ]

    def list_extremes(self) -> list[Any]:
        """Return the values that stand for all others when they are checked."""
        return list(self.values)

    def __repr__(self) -> str:
        return repr(list(self.values))


Dimension = Uniform | Integer | Choice
"""What a search may try for one parameter; `Log` is a `Uniform`."""


def parse_dimension(prefix: str, key: str, value: Any) -> Dimension | None:
    """Return what a search tries for a parameter; None if the value is fixed.

    Args:
        prefix: the start of error messages.
        key: the parameter.
        value: what the sweep file assigns to it.

    Raises:
        SweepError: a list of no choice, of one, or with a value twice.
    """
    if isinstance(value, (Uniform, Integer, Choice)):
        return value
    if isinstance(value, type) and issubclass(value, (Uniform, Integer)):
        raise SweepError(
            f"{prefix}: {key}={value.__name__} has no limits; write them in brackets"
        )
    value = unwrap_scalar(value)
    values = list_axis_values(prefix, key, value)
    is_fixed = len(values) == 1 and values[0] is value
    if is_fixed:
        return None
    if len(values) == 1:
        raise SweepError(
            f"{prefix}: {key} has one choice, so there is nothing to search; "
            f"write {key}={values[0]!r} to fix it"
        )
    for choice in values:
        if choice is not None and not isinstance(
            choice, (bool, int, float, str)
        ):
            raise SweepError(
                f"{prefix}: {key}: {choice!r} is no choice; a choice is a number, a text, "
                "true, false or none"
            )
    return Choice(tuple(values))


def count_values(dimension: Dimension) -> float:
    """Return how many values a dimension has; infinity for numbers that come near zero."""
    if isinstance(dimension, Choice):
        return len(dimension.values)
    if isinstance(dimension, Integer):
        return dimension.high - dimension.low + 1
    # The limits are values, too, if they have more digits than others.
    limits = [dimension.low, dimension.high]
    exact = sum(round_digits(limit) != limit for limit in limits)
    return count_rounded(dimension.low, dimension.high) + exact
