"""The error of a training whose numbers are not finite."""

from __future__ import annotations

import math

from gensweep.core.errors import GensweepError


class DivergedError(GensweepError):
    """A loss was not finite."""


def check_finite(values: dict[str, float], when: str) -> dict[str, float]:
    """Return the values.

    Raises:
        DivergedError: one of them is not finite.
    """
    wrong = [
        name for name, value in values.items() if not math.isfinite(value)
    ]
    if wrong:
        raise DivergedError(f"{', '.join(wrong)} not finite {when}")
    return values
