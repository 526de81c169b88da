"""Signals as an exception, whatever they meet on their way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gensweep.core.signals import Stopped, held_back, stopping

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Every test leaves the handlers as they were."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@BOTH
def test_a_signal_is_an_exception_with_its_number(number: int) -> None:
    with pytest.raises(Stopped) as caught, stopping():
        send(number)
    assert caught.value.number == number


@BOTH
def test_ray_is_given_a_keyboard_interrupt(number: int) -> None:
    seen: list[type[BaseException]] = []
    with pytest.raises(Stopped) as caught, stopping(), stopping(through_ray=True):
        try:
            send(number)
        except BaseException as error:
            seen.append(type(error))
            raise
    assert seen == [KeyboardInterrupt]
    assert caught.value.number == number


def test_what_became_of_a_signal_on_its_way_is_still_the_signal() -> None:
    def extension() -> None:
        try:
            send(signal.SIGINT)
        except Stopped as stopped:
            raise SystemError("returned a result with an exception set") from stopped

    with pytest.raises(Stopped) as caught, stopping():
        extension()
    assert isinstance(caught.value.__cause__, SystemError)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_other_exceptions_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, stopping(), held_back():
        raise error
    assert caught.value is error


@BOTH
def test_a_signal_held_back_comes_at_the_end(number: int) -> None:
    reached = False
    with pytest.raises(Stopped) as caught, stopping():
        with held_back():
            send(number)
            reached = True
        raise AssertionError("it never came")
    assert reached
    assert caught.value.number == number


def test_the_exit_that_ray_makes_of_sigterm_while_it_starts_is_the_signal() -> None:
    with pytest.raises(Stopped) as caught, stopping(), held_back():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        send(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


SECOND = """
import os, signal
from gensweep.core.signals import held_back, stopping

with {outer}:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("still here")
"""


@pytest.mark.parametrize("outer", ["stopping()", "stopping(through_ray=True)", "held_back()"])
def test_a_second_signal_ends_the_process_at_once(outer: str) -> None:
    done = subprocess.run([sys.executable, "-c", SECOND.format(outer=outer)], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, b"", b"")
