"""Signals as an exception, whatever they meet on their way."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import (
    call,
    command_line,
    ended,
    files,
    grid,
    other,
    records,
    same,
    t2t,
    train,
    write_sweep,
)

from gensweep.system.signals import Stopped, defer_signals, raise_if_stopped, raise_on_signal

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
    with pytest.raises(Stopped) as caught, raise_on_signal():
        send(number)
    assert caught.value.number == number


@BOTH
def test_ray_is_given_a_keyboard_interrupt(number: int) -> None:
    seen: list[type[BaseException]] = []
    with pytest.raises(Stopped) as caught, raise_on_signal(), raise_on_signal(through_ray=True):
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

    with pytest.raises(Stopped) as caught, raise_on_signal():
        extension()
    assert isinstance(caught.value.__cause__, SystemError)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_other_exceptions_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, raise_on_signal(), defer_signals():
        raise error
    assert caught.value is error


@BOTH
def test_a_signal_held_back_comes_at_the_end(number: int) -> None:
    reached = False
    with pytest.raises(Stopped) as caught, raise_on_signal():
        with defer_signals():
            send(number)
            reached = True
        raise AssertionError("it never came")
    assert reached
    assert caught.value.number == number


def test_the_exit_that_ray_makes_of_sigterm_while_it_starts_is_the_signal() -> None:
    with pytest.raises(Stopped) as caught, raise_on_signal(), defer_signals():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        send(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


SECOND = """
import os, signal
from gensweep.system.signals import defer_signals, raise_on_signal

with {outer}:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("still here")
"""


@pytest.mark.parametrize(
    "outer", ["raise_on_signal()", "raise_on_signal(through_ray=True)", "defer_signals()"]
)
def test_a_second_signal_ends_the_process_at_once(outer: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SECOND.format(outer=outer)], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, b"", b"")


# --- moments at which an exception is lost


class Dying:
    """Sends a signal from its destructor."""

    def __del__(self) -> None:
        send(signal.SIGTERM)


class Slot:
    """Something that can be referred to weakly."""


def die() -> None:
    dying = Dying()
    del dying


def collect() -> None:
    """Send a signal from a callback of the garbage collection."""

    def callback(phase: str, info: dict[str, int]) -> None:
        gc.callbacks.remove(callback)
        send(signal.SIGTERM)

    gc.callbacks.append(callback)
    gc.collect()


def let_go() -> None:
    """Send a signal from a weak reference's callback."""
    slot = Slot()
    reference = weakref.ref(slot, lambda gone: send(signal.SIGTERM))
    del slot
    assert reference() is None


lost = pytest.mark.parametrize("lose", [die, collect, let_go])


@lost
def test_a_signal_whose_exception_is_lost_comes_again(
    lose: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    reached = False
    with pytest.raises(Stopped) as caught, raise_on_signal():
        lose()
        reached = True
        raise_if_stopped()
        raise AssertionError("it never came")
    assert reached, "the moment is one of those at which Python loses it"
    assert caught.value.number == signal.SIGTERM
    assert capfd.readouterr() == ("", ""), "no traceback of it is shown"
    raise_if_stopped()


@lost
def test_a_signal_that_nobody_asks_for_comes_at_the_end(lose: Callable[[], None]) -> None:
    with pytest.raises(Stopped) as caught, raise_on_signal():
        lose()
    assert caught.value.number == signal.SIGTERM


def test_other_lost_exceptions_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    class Failing:
        def __del__(self) -> None:
            raise ValueError("shown")

    before, sys.unraisablehook = sys.unraisablehook, sys.__unraisablehook__  # pytest has its own
    try:
        with raise_on_signal():
            Failing()
    finally:
        sys.unraisablehook = before
    assert "ValueError: shown" in capfd.readouterr().err


class Interrupted:
    """A file into which PyTorch writes, which sends a signal at the write of that number."""

    def __init__(self, file: Any, number: int) -> None:
        self._file, self._left = file, number

    def write(self, content: bytes) -> int:
        self._left -= 1
        if self._left == 0:
            send(signal.SIGTERM)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def at_save(monkeypatch: pytest.MonkeyPatch, which: int, number: int) -> None:
    """Send a signal within one of PyTorch's writes of a file: which file, and which write, from 1."""
    save, count = torch.save, 0

    def saving(value: Any, file: Any) -> None:
        nonlocal count
        count += 1
        save(value, Interrupted(file, number) if count == which else file)

    monkeypatch.setattr(torch, "save", saving)


@pytest.mark.parametrize(("which", "number"), [(1, 1), (1, 8), (2, 2), (3, 8)])
@pytest.mark.slow
def test_a_signal_while_pytorch_writes_ends_the_run_and_leaves_the_point_missing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int, number: int
) -> None:
    """Two checkpoints and the weights."""
    points = [t2t(0), t2t(1)]
    with monkeypatch.context() as patch:
        at_save(patch, which, number)
        with pytest.raises(Stopped), raise_on_signal():
            train(points, root)
    assert not records(root)
    names = {Path(name).name for name in files(root)}
    assert not names & {"claim.json", "error.txt", "weights.pt"}
    assert ("checkpoint.pt" in names) == (which > 1), "what was whole is kept"
    train(points, root)
    train(points, tmp_path / "straight")
    for point in points:
        same(root, tmp_path / "straight", point)


@lost
def test_a_signal_that_is_lost_between_two_points_starts_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch, lose: Callable[[], None]
) -> None:
    from gensweep.execute import local

    with monkeypatch.context() as patch:
        patch.setattr(local, "freeze_imports", lose)
        with pytest.raises(Stopped), raise_on_signal():
            train([t2t(0), t2t(1)], root)
    assert records(root).keys() == {t2t(0).id}


@pytest.mark.parametrize(
    ("lose", "method"), [(die, "make_samples"), (collect, "end_epoch"), (let_go, "test")]
)
def test_a_signal_that_is_lost_in_training_leaves_the_point_missing(
    root: Path, monkeypatch: pytest.MonkeyPatch, lose: Callable[[], None], method: str
) -> None:
    from gensweep.train.loop import Training

    plain = getattr(Training, method)

    def losing(training: Training, *arguments: Any) -> Any:
        result = plain(training, *arguments)
        if not sent:
            sent.append(True)
            lose()
        return result

    sent: list[bool] = []
    with monkeypatch.context() as patch:
        patch.setattr(Training, method, losing)
        with pytest.raises(Stopped), raise_on_signal():
            train([t2t(0)], root)
    assert sent and not records(root)
    train([t2t(0)], root)
    assert records(root)[t2t(0).id].status == "ok"


@pytest.mark.slow
def test_at_any_moment_the_first_signal_ends_the_run(tmp_path: Path, root: Path) -> None:
    draw = random.Random(0)
    words = [write_sweep(tmp_path, grid(epochs=40), seeds=12), "--results", str(root), "--local"]
    for _ in range(12):
        with other(command_line, words, tmp_path) as process:
            deadline = time.monotonic() + 60
            (tmp_path / "epochs").unlink(missing_ok=True)
            while not (tmp_path / "epochs").exists() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.5))
            os.kill(process.pid, signal.SIGTERM)
            assert ended(process) == 128 + signal.SIGTERM
        message = (tmp_path / "output").read_text()
        assert "Traceback" not in message and "Exception ignored" not in message
        assert message.splitlines()[-1].startswith("Stopped; finished work is saved. To continue: ")
        assert {record.status for record in records(root).values()} <= {"ok"}
        assert not list(root.glob("points/*/claim.json"))
    assert call(*words).code == 0
