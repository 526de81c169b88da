"""Signals as an exception, so that everything that was started is ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType

_blocks: list[list[int]] = []
"""The `raise_on_signal` blocks that run, outermost first: the signals that came to each."""


class Stopped(BaseException):
    """SIGINT or SIGTERM came; holds its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def defer_signals() -> Generator[None]:
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
    numbers = (
        (signal.SIGINT, signal.SIGTERM)
        if threading.current_thread() is threading.main_thread()
        else ()
    )
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def raise_if_stopped() -> None:
    """Raise `Stopped` again where a signal came and its exception was lost.

    Python loses an exception that is raised within a destructor, a weak reference's callback or the garbage
    collection, and so do C++ libraries that call back (`torch.save`). So whoever trains asks between two steps, and
    before an outcome is decided.

    Raises:
        Stopped: a signal came to a `raise_on_signal` block that still runs. Signals reach the main thread alone, so no
            other thread is stopped here.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for came in _blocks:
        if came:
            raise Stopped(came[0])


@contextlib.contextmanager
def raise_on_signal(through_ray: bool = False) -> Generator[None]:
    """Raise `Stopped` in the main thread at the first SIGINT or SIGTERM; a second one ends the process at once.

    Where that exception is lost, `raise_if_stopped` raises it again, or at the latest the end of the block.

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

    _blocks.append(came)
    try:
        with _handled_by(stop), _hiding_what_is_lost(came):
            yield
    except BaseException as error:
        if came and not isinstance(error, Stopped):
            raise Stopped(came[0]) from error  # whatever became of it on its way
        raise
    finally:
        _blocks.pop()
    if came:
        raise Stopped(came[0])


@contextlib.contextmanager
def _hiding_what_is_lost(came: list[int]) -> Generator[None]:
    """Print no traceback of a signal's exception that Python ignores; it is raised again."""
    before = sys.unraisablehook

    def hook(lost: sys.UnraisableHookArgs) -> None:
        if not came or not issubclass(lost.exc_type, (Stopped, KeyboardInterrupt)):
            before(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
