"""Single values: which ones a record or a parameter can have, as text and from text."""

from __future__ import annotations

import contextlib
import math
from typing import Any

MAX_SHOWN = 200
"""The most characters of a wrong value that an error shows."""
MAX_METRIC = 1e100
"""The largest absolute value of a metric, so that sums of squares stay finite.

float32, in which models compute, ends at 3e38."""
_CONSTANTS = {"none": None, "null": None, "true": True, "false": False}


def is_number(value: Any) -> bool:
    """Return True for a finite number that a float can hold; True and False are no numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        # An integer larger than any float.
        return False


def is_plain(value: Any) -> bool:
    """Return True for a value that a parameter can have.

    These are text, true, false, null, numbers, and lists of them.
    """
    if isinstance(value, list):
        return all(is_plain(item) for item in value)
    return value is None or isinstance(value, (str, bool)) or is_number(value)


def show_value(value: Any, limit: int | None = MAX_SHOWN) -> str:
    """Return the `repr` of a value of any kind for an error, with at most so many characters."""
    try:
        text = repr(value)
    except Exception as error:
        # The value is wrong already, so its own error must not hide that.
        return f"a {type(value).__name__} (its repr raises {type(error).__name__})"
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}..."


def parse_value(text: str) -> Any:
    """Return the value of a text on the command line.

    It is a whole number, a number, true, false, none, or the text itself.
    """
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
