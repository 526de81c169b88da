"""The starts of the trials of a Tune run: which died later, and which Ray could not start."""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_FAILED_STARTS = 5
"""Failed starts in a row, with no trial running, after which no other trial is tried."""
WAIT_SECONDS = 30.0
"""Time without a running trial after which a run says that it waits."""


class TrialStarts:
    """The starts and errors of trials; each is known by the number of its pack.

    Args:
        clock: returns seconds; it never goes back.

    Attributes:
        running: the trials in progress.
        died: reasons of those that started, and whose worker died too often.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.running: set[int] = set()
        self.died: dict[int, str] = {}
        self._clock = clock
        self._started: set[int] = set()
        self._not_started: dict[int, str] = {}
        self._failed_starts = 0
        self._idle_since: float | None = clock()

    def add_start(self, pack: int) -> None:
        """Count a trial whose worker is ready."""
        self.running.add(pack)
        self._started.add(pack)
        self._not_started.pop(pack, None)
        self._failed_starts = 0
        self._idle_since = self._clock()

    def add_end(self, pack: int) -> None:
        """Count a trial that has ended by itself."""
        self.running.discard(pack)
        self._idle_since = self._clock()

    def add_error(self, pack: int, reason: str, is_final: bool) -> None:
        """Count a trial whose worker died, or never became ready.

        Args:
            pack: number of the pack.
            reason: why, in words.
            is_final: True if the trial is not started again.
        """
        self.add_end(pack)
        if pack in self._started:
            if is_final:
                self.died[pack] = reason
            return
        self._not_started[pack] = reason
        self._failed_starts += 1

    @property
    def start_error(self) -> str | None:
        """Why the last of the trials that never started did not; None if all started."""
        return next(reversed(self._not_started.values()), None)

    @property
    def is_hopeless(self) -> bool:
        """True if Ray seems unable to start any trial."""
        return self._failed_starts >= MAX_FAILED_STARTS and not self.running

    def notice_wait(self) -> bool:
        """Return True once for each long time in which no trial runs and none fails."""
        if self.running or self._idle_since is None:
            return False
        if self._clock() - self._idle_since < WAIT_SECONDS:
            return False
        # Said once; the next start begins a new time.
        self._idle_since = None
        return True
