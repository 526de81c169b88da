"""The values that metrics of users return, as floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gensweep.core.errors import GensweepError
from gensweep.core.positions import locate_function
from gensweep.core.values import MAX_METRIC, show_value

Compute = Callable[[dict[str, Any]], Any]


class MetricError(GensweepError):
    """A metric returns something else than a number.

    Attributes:
        position: file and line of its function.
    """

    def __init__(self, message: str, function: Compute | None = None) -> None:
        super().__init__(message)
        self.position = locate_function(function) if function else ""


@dataclass(frozen=True)
class CheckedFunction:
    """The function of a metric, which raises MetricError for a wrong value.

    A tensor or array that holds one number counts as this number.

    Attributes:
        name: the metric.
        function: takes the outputs of all examples.
    """

    name: str
    function: Compute

    def __call__(self, outputs: dict[str, Any]) -> float | None:
        """Return what the function returns, as a float."""
        value = self.function(outputs)
        if value is None:
            return None
        number = _convert(value)
        if number is None:
            raise MetricError(
                f"metric {self.name} is {_describe(value)}, not a number or None",
                self.function,
            )
        # A number that is not finite is no mistake in the function: the point diverged.
        if math.isfinite(number) and abs(number) > MAX_METRIC:
            raise MetricError(
                f"metric {self.name} is {number:g}; the largest metric is {MAX_METRIC:g}",
                self.function,
            )
        return number


def _convert(value: Any) -> float | None:
    """Return a value as a float; None if it holds no single number."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (RuntimeError, ValueError):
            # It holds several numbers, or none.
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _describe(value: Any) -> str:
    """Return a wrong value for a message: tensors and arrays by their shape."""
    kind = type(value).__name__
    if hasattr(value, "shape"):
        return f"a {kind} of shape {list(value.shape)}"
    return f"{show_value(value)} (a {kind})"
