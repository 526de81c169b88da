"""A user's task and model on hosts that have never seen their files, one of which dies on the way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.hosts import enter, hosts, lab, progress, running, wait_until
from own_code import list_points, write_project
from runs import call, records

import gensweep
from gensweep.core.registry import activate_layers
from gensweep.sweep.point import Point

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]
HEAD, WORKERS = "10.77.0.1:6379", ("w1", "w2")
EPOCHS, SECONDS, SOME = 30, 0.5, 5
"""Epochs of the task, seconds of each, and after how many a host is killed."""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that every host sees as /shared; it holds gensweep, and nothing of the user's."""
    with hosts(tmp_path / "lab", monkeypatch) as folder:
        shutil.copytree(Path(gensweep.__file__).parent, folder / "code" / "gensweep")
        yield folder
    activate_layers([])


def call_in(command: str) -> str:
    """Return a command line of a host, with gensweep and without a token."""
    settings = {
        "PATH": f"{os.environ['VENV']}/bin:$PATH",
        "PYTHONPATH": "/shared/code",
        "RAY_AUTH_MODE": "disabled",
        "WANDB_MODE": "disabled",
    }
    words = " ".join(f"{name}={value}" for name, value in settings.items())
    return f"export {words}; {command}"


def start_ray() -> None:
    """Start a head that trains nothing, and two workers of one core."""
    common = "--object-store-memory=100000000 --disable-usage-stats"
    head = f"ray start --head --port=6379 --num-cpus=0 --include-dashboard=false {common}"
    start_node("head", head)
    for worker in WORKERS:
        start_node(worker, f"ray start --address={HEAD} --num-cpus=1 {common}")


def start_node(host: str, command: str) -> None:
    """Start Ray in a host; Ray gives itself 30 s, and a busy machine may need a second attempt."""
    for attempt in range(3):
        ended = lab("enter", host, "bash", "-c", call_in(command))
        if ended.returncode == 0:
            return
        print(f"--- attempt {attempt + 1} on {host}: {ended.stdout[-500:]}")
        # Its processes are those of the host's own namespace.
        lab("enter", host, "bash", "-c", call_in("ray stop --force"))
    pytest.fail(f"Ray did not start on {host}")


def test_own_code_outlives_a_host_that_never_had_its_files(shared: Path, tmp_path: Path) -> None:
    sweep = write_project(tmp_path / "project", epochs=EPOCHS, seconds=SECONDS)
    walks = [point for point in list_points(sweep) if point.model == "walk"]
    root = shared / "results"
    start_ray()
    # Only the head's own disk has the user's files; the hosts share no other folder than /shared.
    shutil.copytree(sweep.parent, shared / "to the head")
    enter("head", "cp -r '/shared/to the head' ~/project")
    shutil.rmtree(shared / "to the head")
    command = (
        "cd ~/project && python -m gensweep mine.py --results /shared/results --wandb disabled"
    )
    with running("head", call_in(f"{command} --address {HEAD}"), tmp_path / "log") as run:
        victims: list[tuple[Point, str, int]] = []
        wait_until(
            lambda: victims.extend(find_victims(root, walks)) or bool(victims),
            "a point of the task on a worker",
            300,
        )
        point, host, before = victims[0]
        assert lab("kill", host).returncode == 0
        print(f"--- {host} killed after epoch {before} of {point.id}")
        seen: list[tuple[str, int]] = []

        def has_ended() -> bool:
            seen.extend(filter(None, [progress(root, point)]))
            return run.poll() is not None

        wait_until(has_ended, "the end of the run", 400)
    assert run.returncode == 0, (tmp_path / "log").read_text()
    assert min(epoch for _, epoch in seen) >= before >= SOME, "resumed, not restarted"
    assert {name for name, _ in seen if name != host}, "and on another host"

    (sweep.parent / "step.sh").write_text("#!/bin/sh\necho 0\n")
    plain = tmp_path / "plain"
    assert call(sweep, "--local", "--results", plain).code == 0
    assert {name: record.metrics for name, record in records(root).items()} == {
        name: record.metrics for name, record in records(plain).items()
    }


def find_victims(root: Path, points: list[Point]) -> Iterator[tuple[Point, str, int]]:
    """Yield points in training, each with its host and its epoch."""
    for point in points:
        now = progress(root, point)
        if now and now[0] in WORKERS and SOME <= now[1] < EPOCHS - 5:
            yield point, *now
