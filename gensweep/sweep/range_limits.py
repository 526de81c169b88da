"""Checks of the limits of a range."""

from __future__ import annotations

import math
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.values import is_number, show_value
from gensweep.sweep.parameters import unwrap_scalar
from gensweep.sweep.rounding import SIGNIFICANT_DIGITS, count_rounded


def set_limits(dimension: Any, kind: type) -> None:
    """Check the limits of a range, and store them as numbers of one type.

    Raises:
        SweepError: the limits are no finite numbers, or the first is not the smaller one.
    """
    limits = f"{show_value(dimension.low)}, {show_value(dimension.high)}"
    shown = f"{type(dimension).__name__}({limits})"
    for name in ("low", "high"):
        limit = unwrap_scalar(getattr(dimension, name))
        if not is_number(limit):
            raise SweepError(f"{shown}: {name} is not a finite number")
        if kind is int and limit != int(limit):
            raise SweepError(
                f"{shown}: {limit!r} is not a whole number; use Uniform or Log"
            )
        # The class is frozen; this is the place that makes its values clean.
        object.__setattr__(dimension, name, kind(limit))
    if dimension.low == dimension.high:
        raise SweepError(
            f"{shown}: both limits are the same, so there is nothing to search; "
            f"write the number {dimension.low:g} to fix the parameter"
        )
    if dimension.low > dimension.high:
        raise SweepError(
            f"{shown}: the limits are reversed; the smaller one comes first: "
            f"{type(dimension).__name__}({dimension.high!r}, {dimension.low!r})"
        )


def check_width(dimension: Any) -> None:
    """Raise SweepError for limits so close, or so far, that there is nothing between them."""
    if not math.isfinite(dimension.high - dimension.low):
        raise SweepError(
            f"{dimension!r}: the limits are too far apart for a computer's numbers"
        )
    if count_rounded(dimension.low, dimension.high) < 2:
        raise SweepError(
            f"{dimension!r}: the limits are too close: a search tries numbers of "
            f"{SIGNIFICANT_DIGITS} significant digits; write the values as a list: "
            f"[{dimension.low!r}, {dimension.high!r}]"
        )


def check_positive(dimension: Any, alternative: str) -> None:
    """Raise SweepError if a logarithmic range reaches zero."""
    if dimension.low <= 0:
        raise SweepError(
            f"{dimension!r}: the logarithm of {dimension.low:g} does not exist; "
            f"start above 0, or use {alternative}"
        )
