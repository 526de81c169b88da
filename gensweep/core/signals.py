"""Signals as an exception, so that everything that was started is ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Generator
from types import FrameType


class Stopped(BaseException):
    """SIGINT or SIGTERM came; holds its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stopping(through_ray: bool = False) -> Generator[None]:
    """Raise `Stopped` in the main thread at the first SIGINT or SIGTERM; a second one ends the process at once.

    Args:
        through_ray: raise KeyboardInterrupt, the one exception that Ray lets out of its C++ calls, and
            make it `Stopped` at the end. To be entered after Ray was started, which sets handlers of its own.
    """
    came: list[int] = []

    def force(number: int, frame: FrameType | None) -> None:
        os._exit(128 + number)

    def stop(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, force)
        came.append(number)
        raise KeyboardInterrupt if through_ray else Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread alone
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(came[0] if came else signal.SIGINT) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
