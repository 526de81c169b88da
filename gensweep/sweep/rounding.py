"""Rounded numbers: the values that a search tries in a range of real numbers."""

from __future__ import annotations

import math

SIGNIFICANT_DIGITS = 3
"""Digits of a suggested number: ids stay readable, and equal on machines that round otherwise."""


def round_digits(value: float) -> float:
    """Return a number with `SIGNIFICANT_DIGITS`."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def count_rounded(low: float, high: float) -> float:
    """Return how many numbers of `SIGNIFICANT_DIGITS` lie between two limits, both included."""
    if low <= 0 <= high:
        return math.inf
    if high < 0:
        low, high = -high, -low
    first = _get_rank(low) + (round_digits(low) < low)
    last = _get_rank(high) - (round_digits(high) > high)
    return last - first + 1


def _get_rank(value: float) -> int:
    """Return the position of a rounded positive number among all rounded positive numbers."""
    digits, exponent = f"{value:.{SIGNIFICANT_DIGITS - 1}e}".split("e")
    per_power = 9 * 10 ** (SIGNIFICANT_DIGITS - 1)
    return per_power * int(exponent) + int(digits.replace(".", ""))
