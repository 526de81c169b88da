"""When a run hands out no more points: a budget of time, or too many failures."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from gensweep.core.errors import UserError
from gensweep.core.values import show_value
from gensweep.system.text import format_duration, pluralize

_UNIT_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_NUMBER = r"\d+(?:\.\d+)?"
_DURATION = re.compile(
    "".join(rf"(?:({_NUMBER}){unit})?" for unit in _UNIT_SECONDS)
)


def parse_duration(option: str, text: str | None) -> float | None:
    """Return the seconds of a duration such as `2h`, `1h30m`, `90m`, `45s` or `1d`; None for None.

    Raises:
        UserError: the text is not such a duration, or it is 0.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = 0.0
    if match:
        for amount, unit in zip(
            match.groups(), _UNIT_SECONDS.values(), strict=True
        ):
            seconds += float(amount or 0) * unit
    if not seconds or not math.isfinite(seconds):
        raise UserError(
            f"{option} {show_value(text)} is not a duration such as 2h, 1h30m, 90m or 45s"
        )
    return seconds


class Limits:
    """Limits of one run. Points in training finish; the others stay missing.

    Args:
        time_budget: seconds from now, after which no further point is started. None: no limit.
        max_failures: number of failed points after which no further point is started.
        clock: returns seconds; it never goes back.
    """

    def __init__(
        self,
        time_budget: float | None = None,
        max_failures: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._time_budget, self._max_failures, self._clock = (
            time_budget,
            max_failures,
            clock,
        )
        self._start = clock()
        self._failures = 0

    def count_failure(self) -> None:
        """Count one more failed point."""
        self._failures += 1

    def explain(self) -> str | None:
        """Return why no further point is started; None while points may start."""
        if (
            self._max_failures is not None
            and self._failures >= self._max_failures
        ):
            return f"{pluralize(self._failures, 'point')} failed"
        elapsed = self._clock() - self._start
        if self._time_budget is not None and elapsed >= self._time_budget:
            return f"the time budget of {format_duration(self._time_budget)} is used up"
        return None

    @property
    def is_reached(self) -> bool:
        """True if no further point is started."""
        return self.explain() is not None
