"""Signals as an exception, so that everything that was started is ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Generator
from types import FrameType


class Stopped(BaseException):
    """SIGINT or SIGTERM came; holds its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stopping() -> Generator[None]:
    """Raise `Stopped` in the main thread at the first SIGINT or SIGTERM; a second one ends the process at once."""

    def force(number: int, frame: FrameType | None) -> None:
        os._exit(128 + number)

    def stop(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, force)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
