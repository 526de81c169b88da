"""Values of a table as LaTeX prints them."""

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
from gensweep.report.tables.latex_text import escape
from gensweep.report.tables.text_cells import (
    UNMEASURED,
    format_plain,
    format_seeds,
)

NOTHING = "--"


def format_cell(column: Column, value: Any) -> str:
    r"""Return a value of the column as LaTeX.

    A measurement becomes ``$0.625 \pm 0.022$ ($n=2$)``, and a number with a
    sign or an exponent becomes mathematics.
    """
    if isinstance(value, Measurement):
        text = _format_digits(round_measurement(value))
        # LaTeX's bold does not reach into mathematics.
        return rf"\textbf{{\boldmath{text}}}" if value.is_contender else text
    if isinstance(value, NotMeasured):
        return UNMEASURED if value.seeds else NOTHING
    if isinstance(value, Seeds):
        return format_seeds(value)
    if is_absent(value):
        return NOTHING
    text = format_plain(column, value)
    is_number = isinstance(value, (int, float)) and not isinstance(
        value, bool
    )
    if not is_number:
        return escape(text)
    if text.replace(".", "").isdigit():
        return text
    return f"${format_power(text)}$"


def _format_digits(digits: Digits) -> str:
    """Return a rounded measurement; one that was cut has the ends of its interval."""
    numbers = format_power(digits.mean)
    if digits.half_width:
        numbers += rf" \pm {format_power(digits.half_width)}"
    elif digits.low:
        ends = ", ".join(map(format_power, (digits.low, digits.high)))
        numbers += rf"\ [{ends}]"
    cell = f"${numbers}$"
    if digits.n:
        cell += f" ($n={digits.n}$)"
    return cell


def format_power(number: str) -> str:
    """Return the digits of a number, with its exponent as LaTeX writes it."""
    digits, exponent, power = number.partition("e")
    if not exponent:
        return digits
    return rf"{digits} \times 10^{{{int(power)}}}"
