"""A search on Ray is the search without it, also after kill -9 of its run and of one of its workers."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs import command_line, ended, other, records

from gensweep.ledger.claims import read_holder
from gensweep.ledger.search_log import SearchInfo, read_search_log
from gensweep.ledger.stores import Store

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
SOURCE = """
from gensweep import Confirm, Log, Search, Sweep

SWEEP = Sweep("tiny", search=Search(
    "text_to_text", metric="loss", method="tpe", trials=4, rungs=[1, 2], epochs=3, window=2,
    reduction_factor=2,
    confirm=Confirm(best=1, seeds=2), hidden=8, train_fraction=0.02,
    optimizer=["adamw", "muon"], lr=Log(1e-4, 1e-1), muon_lr=Log(5e-3, 1e-1),
))
"""
WAIT_SECONDS = 240
"""A busy machine may take long to start Ray."""


def read_search(root: Path) -> tuple[SearchInfo, dict[str, Any]]:
    """The log of the search, and what its records say but for the clock and the machine."""
    numbers = {
        name: (record.status, record.metrics, record.epochs, record.params)
        for name, record in records(root).items()
    }
    return read_search_log(Store(root), "tiny")["tpe"], numbers


def wait_until(is_reached: Callable[[], bool], process: Any, output: Path) -> None:
    """Wait for something that a running process does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_reached():
        text = output.read_text() if output.exists() else ""
        assert process.is_alive() and time.monotonic() < deadline, text
        time.sleep(0.02)


def kill_worker(root: Path) -> bool:
    """Kill a worker that trains now; return whether there was one."""
    for claim in root.glob("points/*/claim.json"):
        holder = read_holder(Store(root), f"points/{claim.parent.name}")
        if holder is None:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder.worker.pid, signal.SIGKILL)
            return True
    return False


def test_two_workers_of_ray_give_the_search_of_one_process_whoever_is_killed(
    ray: Any, tmp_path: Path, root: Path
) -> None:
    file, output = tmp_path / "tiny.py", tmp_path / "output"
    file.write_text(SOURCE)
    alone = [str(file), "--results", str(tmp_path / "alone"), "--local"]
    with other(command_line, alone, tmp_path) as process:
        assert ended(process, WAIT_SECONDS) == 0, output.read_text()
    output.unlink()

    address = ray.get_runtime_context().gcs_address
    command = [str(file), "--results", str(root), "--address", address]
    with other(command_line, command, tmp_path) as killed:
        wait_until(lambda: len(records(root)) >= 2, killed, output)
        killed.kill()
        assert ended(killed) == -signal.SIGKILL
    output.unlink()
    with other(command_line, command, tmp_path) as process:
        # On a fast machine, all trials may be over before one is seen.
        while process.is_alive() and not kill_worker(root):
            time.sleep(0.02)
        assert ended(process, WAIT_SECONDS) == 0, output.read_text()
    assert read_search(root) == read_search(tmp_path / "alone")
