"""Signals as an exception, so that everything that was started is ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType


class Stopped(BaseException):
    """SIGINT or SIGTERM came; holds its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def held_back() -> Generator[None]:
    """Let SIGINT and SIGTERM wait for the end of the block: a Ray that is half started or stopped crashes on them."""
    came: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        if came:
            os._exit(128 + number)
        came.append(number)

    try:
        with _handled_by(keep):
            yield
    except SystemExit as exit:
        if exit.code != signal.SIGTERM:
            raise
        came.append(signal.SIGTERM)  # the handler that Ray sets while it starts
    if came:
        signal.raise_signal(came[0])


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Generator[None]:
    """Another handler for both signals, which come to the main thread alone."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextlib.contextmanager
def stopping(through_ray: bool = False) -> Generator[None]:
    """Raise `Stopped` in the main thread at the first SIGINT or SIGTERM; a second one ends the process at once.

    Args:
        through_ray: raise KeyboardInterrupt, the one exception that Ray lets out of its C++ calls, and make it
            `Stopped` at the end. To be entered after Ray was started, which sets handlers of its own.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if came:
            os._exit(128 + number)
        came.append(number)
        raise KeyboardInterrupt if through_ray else Stopped(number)

    try:
        with _handled_by(stop):
            yield
    except BaseException as error:
        if came and not isinstance(error, Stopped):
            raise Stopped(came[0]) from error  # whatever became of it on its way
        raise
