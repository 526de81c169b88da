"""The lab's hosts, for a test: commands run in them, and who trains what in the folder that they share."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from gensweep.ledger.claims import read_holder
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Point
from gensweep.train import checkpoint

LAB = Path(__file__).parent / "lab.sh"
CANNOT = 77
"""lab.sh's exit status where hosts cannot be made."""


def lab(*arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Call lab.sh; `stdout` has all that it said."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(
        [LAB, *arguments], **streams, text=True, errors="replace", timeout=seconds
    )


@contextlib.contextmanager
def hosts(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Hosts, while the block runs, that see the environment that runs this test; yields what they see as /shared.

    Args:
        folder: a new one, for their state.
        patch: sets what lab.sh reads.
    """
    patch.setenv("LAB", str(folder))
    patch.setenv("VENV", str(Path(sys.prefix).resolve()))
    up = lab("up")
    if up.returncode == CANNOT:
        pytest.skip(up.stdout.strip().splitlines()[-1])
    assert up.returncode == 0, up.stdout
    yield folder / "shared"
    assert lab("down").returncode == 0


def enter(host: str, command: str, seconds: float = 240) -> str:
    """Run a command line in a host; returns what it said, and prints that with the seconds it took.

    Raises:
        AssertionError: it failed.
    """
    start = time.monotonic()
    ended = lab("enter", host, "bash", "-c", command, seconds=seconds)
    print(f"--- {time.monotonic() - start:.1f} s on {host}: {command}\n{ended.stdout[-3000:]}")
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def answers(host: str, address: str, port: int) -> bool:
    """Whether somebody listens, seen from a host."""
    return lab("enter", host, "bash", "-c", f"exec 3<> /dev/tcp/{address}/{port}").returncode == 0


@contextlib.contextmanager
def running(host: str, command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command line that runs in a host meanwhile; what it says goes to the log."""
    with log.open("w") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        with subprocess.Popen([LAB, "enter", host, "bash", "-c", command], **streams) as process:
            try:
                yield process
            finally:
                process.kill()
                print(f"--- on {host}: {command}\n{log.read_text(errors='replace')[-6000:]}")


def wait_until(true: Callable[[], bool], what: str, seconds: float, every: float = 0.05) -> float:
    """Wait until something is so; returns the seconds that took.

    Raises:
        AssertionError: it did not become so in time.
    """
    start = time.monotonic()
    while not true():
        assert time.monotonic() < start + seconds, f"not within {seconds:g} s: {what}"
        time.sleep(every)
    return time.monotonic() - start


def progress(root: Path, point: Point) -> tuple[str, int] | None:
    """The host that trains a point, and the epoch that its checkpoint holds; None without either."""
    holder = read_holder(Store(root), f"points/{point.id}")
    try:
        state = checkpoint.load(
            Ledger(root).folder(point.id) / "checkpoint.pt", point.id, torch.device("cpu")
        )
    except FileNotFoundError:
        return None
    # A task keeps its epoch beside its state.
    epoch = state.get("training", state)["epoch"]
    return (holder.worker.host.split()[0], epoch) if holder else None
