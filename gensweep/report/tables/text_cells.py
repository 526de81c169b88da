"""Values of a table as plain text: for the terminal, Markdown and the page."""

from __future__ import annotations

from typing import Any

from gensweep.report.measurement import (
    Digits,
    Measurement,
    NotMeasured,
    Seeds,
    round_measurement,
)
from gensweep.report.tables.columns import Column, is_absent
from gensweep.system.naming import format_value

NOTHING = "–"
UNMEASURED = "not measured"


def format_text(column: Column, value: Any) -> str:
    """Return a value of the column as text."""
    if isinstance(value, Measurement):
        return format_measurement(value)
    if isinstance(value, NotMeasured):
        return UNMEASURED if value.seeds else NOTHING
    if isinstance(value, Seeds):
        return format_seeds(value)
    if is_absent(value):
        return NOTHING
    return format_plain(column, value)


def format_plain(column: Column, value: Any) -> str:
    """Return a number, or another value that is neither measured nor absent, as text."""
    if column.write is not None:
        return column.write(value)
    if column.form and not isinstance(value, str):
        return format(value, column.form)
    return value if isinstance(value, str) else format_value(value)


def format_measurement(value: Measurement) -> str:
    """Return ``0.587 ± 0.012``; ``0.970 [0.928, 1.000]`` if the interval was cut to the range.

    ``(n=2)`` follows if not every seed that is ok has a value, or if there is
    one value.
    """
    return _join(round_measurement(value))


def _join(digits: Digits) -> str:
    text = digits.mean
    if digits.half_width:
        text += f" ± {digits.half_width}"
    elif digits.low:
        text += f" [{digits.low}, {digits.high}]"
    return f"{text} (n={digits.n})" if digits.n else text


def format_seeds(value: Seeds) -> str:
    """Return ``3/3``, or ``1/3, 1 failed, 1 missing``."""
    parts = [f"{value.ok}/{value.total}"]
    parts += [f"{count} {status}" for status, count in value.others]
    return ", ".join(parts)
