"""Signals as an exception, so that everything that was started ends in order."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType

_blocks: list[list[int]] = []
"""The active `raise_on_signal` blocks, outermost first: the signals that each has received."""
_guests: list[None] = []
"""One entry per active `stay_alive` block."""
_SIGNAL_EXIT_STATUS = 128
"""The exit status of a process that a signal ended is this number plus that of the signal."""


class Stopped(BaseException):
    """SIGINT or SIGTERM was received; holds the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stay_alive() -> Generator[None]:
    """Ignore a second signal in this block: the process is a notebook's, or a user's script."""
    _guests.append(None)
    try:
        yield
    finally:
        _guests.pop()


def _end_process(number: int) -> None:
    """End the process at a second signal, unless it is not ours."""
    if not _guests:
        os._exit(_SIGNAL_EXIT_STATUS + number)


@contextlib.contextmanager
def defer_signals() -> Generator[None]:
    """Delay SIGINT and SIGTERM to the end of the block; a second signal ends the process.

    Ray crashes on a signal while it starts or stops.
    """
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if received:
            _end_process(number)
        received.append(number)

    try:
        with _handle_signals(remember):
            yield
    except SystemExit as exit:
        # While Ray starts it sets a handler of its own, which raises this.
        if exit.code != signal.SIGTERM:
            raise
        received.append(signal.SIGTERM)
    if received:
        signal.raise_signal(received[0])


@contextlib.contextmanager
def _handle_signals(
    handler: Callable[[int, FrameType | None], None],
) -> Generator[None]:
    """Set a handler for both signals in this block; does nothing outside the main thread."""
    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old_handler in previous.items():
            signal.signal(number, old_handler)


def raise_if_stopped() -> None:
    """Raise `Stopped` again if a signal was received and its exception was lost.

    Python loses an exception in a destructor, in the callback of a weak reference and in garbage
    collection. C++ libraries with callbacks (`torch.save`) lose it too. So a training calls this
    between two steps, and before it decides on an outcome.

    Raises:
        Stopped: an active `raise_on_signal` block has received a signal. Only the main thread
            receives signals, so other threads are never stopped here.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for received in _blocks:
        if received:
            raise Stopped(received[0])


@contextlib.contextmanager
def raise_on_signal(through_ray: bool = False) -> Generator[None]:
    """Raise `Stopped` in the main thread at the first SIGINT or SIGTERM; a second ends the process.

    If that exception is lost, `raise_if_stopped` or the end of the block raises it again.

    Args:
        through_ray: raise KeyboardInterrupt, the only exception that Ray passes on from its C++
            calls, and turn it into `Stopped` at the end. Enter the block after Ray was started,
            because Ray sets handlers of its own.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if received:
            _end_process(number)
            return
        received.append(number)
        if through_ray:
            raise KeyboardInterrupt
        raise Stopped(number)

    _blocks.append(received)
    try:
        with _handle_signals(stop), _hide_lost_exceptions(received):
            yield
    except BaseException as error:
        # Code on the way may have replaced our exception by another.
        if received and not isinstance(error, Stopped):
            raise Stopped(received[0]) from error
        raise
    finally:
        _blocks.pop()
    # The exception was lost.
    if received:
        raise Stopped(received[0])


@contextlib.contextmanager
def _hide_lost_exceptions(received: list[int]) -> Generator[None]:
    """Print no traceback when Python loses a signal's exception; it is raised again later."""
    previous = sys.unraisablehook

    def hook(lost: sys.UnraisableHookArgs) -> None:
        if not received or not issubclass(
            lost.exc_type, (Stopped, KeyboardInterrupt)
        ):
            previous(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = previous
