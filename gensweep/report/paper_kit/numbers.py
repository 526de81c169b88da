"""Numbers of one column with equally many decimals, so that they stand in line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from gensweep.report.measurement import Measurement

MAX_DECIMALS = 5
"""A column that needs more decimals is multiplied by a power of ten."""
MAX_WHOLE_DIGITS = 5
"""So is a column whose means have more digits before the point."""
SIGNIFICANT_DIGITS = 2
"""Of the typical half-width of an interval."""
DIGITS_WITHOUT_INTERVAL = 4
DECIMALS_OF_ZERO = 3
"""Of a column in which every mean is zero."""


@dataclass(frozen=True)
class Form:
    """The form in which the numbers of a column are printed.

    Attributes:
        decimals: after the point.
        power: numbers are divided by ten to this power; the header says so.
    """

    decimals: int
    power: int = 0

    def write(self, value: float) -> str:
        """Return a number as text, with a minus of ASCII."""
        text = f"{value / 10**self.power:.{self.decimals}f}"
        # A number that is rounded to zero has no sign.
        return text.lstrip("-") if not float(text) else text


def choose_form(values: Iterable[object]) -> Form:
    """Return a form for all measurements of a column.

    The typical (median) half-width of an interval has two significant digits. A column without
    intervals shows four digits of its largest mean.
    """
    measured = [value for value in values if isinstance(value, Measurement)]
    widths = [value.ci95 for value in measured if value.ci95 > 0]
    sizes = [abs(value.mean) for value in measured if value.mean]
    if not sizes:
        return Form(DECIMALS_OF_ZERO)
    largest = max(sizes)
    if widths:
        decimals = _count_decimals(median(widths), SIGNIFICANT_DIGITS)
    else:
        decimals = _count_decimals(largest, DIGITS_WITHOUT_INTERVAL)
    exponent = math.floor(math.log10(largest))
    is_large = exponent >= MAX_WHOLE_DIGITS
    if decimals <= MAX_DECIMALS and not is_large:
        return Form(max(0, decimals))
    return Form(max(0, decimals + exponent), exponent)


def _count_decimals(size: float, significant: int) -> int:
    """Return the decimals at which a number has so many significant digits; may be negative."""
    return significant - 1 - math.floor(math.log10(size))
