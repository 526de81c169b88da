"""A user's tasks and model on hosts that have never seen their files, one of which dies on the way."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.hosts import answers, enter, hosts, lab, running, wait_until
from own_code import list_points, write_project
from runs import call, records
from s3_server import BUCKET, KEYS

import gensweep
from gensweep.core.registry import activate_layers

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]
HEAD, WORKERS = "10.77.0.1:6379", ("w1", "w2")
EPOCHS, SECONDS, SOME = 30, 0.5, 5
"""Epochs of the task, seconds of each, and after how many a host is killed."""
RAY = "python /shared/code/patient_ray.py"
S3 = "http://10.77.0.1:5000"
ROOT = f"s3://{BUCKET}/results"
WATCH = """
import json, sys, time
from pathlib import Path
import torch
from gensweep.ledger.claims import read_holder
from gensweep.ledger.open_store import open_store
from gensweep.train import checkpoint

store = open_store(sys.argv[1])
copy = Path.home() / "checkpoint.pt"
while True:
    for point in sorted(store.list_folders("points")):
        try:
            holder = read_holder(store, f"points/{point}")
            copy.write_bytes(store.read(f"points/{point}/checkpoint.pt"))
            state = checkpoint.load(copy, point, torch.device("cpu"))
        except Exception as error:
            print(error, file=sys.stderr, flush=True)  # it changes while it is read
            continue
        epoch = state.get("training", state)["epoch"]
        host = holder.worker.host.split()[0] if holder else ""
        print(json.dumps([point, host, epoch]), flush=True)
    time.sleep(0.2)
"""
"""A program that prints who trains which point of a bucket, and the epoch of its checkpoint."""
COPY = """
import shutil, sys
from gensweep.ledger.open_store import open_store

store = open_store(sys.argv[1])
for folder in ("points", "mine", "plugins"):
    shutil.copytree(store.download(folder), f"/shared/copy/{folder}")
"""
"""A program that copies results from a bucket to the folder that all hosts see."""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that every host sees as /shared; it holds gensweep, and nothing of the user's."""
    with hosts(tmp_path / "lab", monkeypatch) as folder:
        shutil.copytree(Path(gensweep.__file__).parent, folder / "code" / "gensweep")
        shutil.copy(Path(__file__).parents[1] / "lab" / "patient_ray.py", folder / "code")
        yield folder
    activate_layers([])


def call_in(command: str, **more: str) -> str:
    """Return a command line of a host, with gensweep and without a token."""
    settings = {
        "PATH": f"{os.environ['VENV']}/bin:$PATH",
        "PYTHONPATH": "/shared/code",
        "RAY_AUTH_MODE": "disabled",
        "WANDB_MODE": "disabled",
        **more,
    }
    words = " ".join(f"{name}={value}" for name, value in settings.items())
    return f"export {words}; {command}"


def start_ray(**more: str) -> None:
    """Start a head that trains nothing, and two workers of one core, with more in the environment."""
    common = "--object-store-memory=100000000 --disable-usage-stats"
    head = f"{RAY} start --head --port=6379 --num-cpus=0 --include-dashboard=false {common}"
    enter("head", call_in(head, **more), 300)
    for worker in WORKERS:
        enter(worker, call_in(f"{RAY} start --address={HEAD} --num-cpus=1 {common}", **more), 300)


def read_progress(watched: Path, points: set[str]) -> list[tuple[str, str, int]]:
    """Return what the watcher saw of these points: each time the point, its host and its epoch."""
    complete = watched.read_text().split("\n")[:-1]
    progresses = [json.loads(line) for line in complete if line.startswith("[")]
    return [(point, host, epoch) for point, host, epoch in progresses if point in points]


def test_own_code_with_results_in_a_bucket_outlives_a_host(shared: Path, tmp_path: Path) -> None:
    sweep = write_project(tmp_path / "project", epochs=EPOCHS, seconds=SECONDS, has_digits=True)
    walks = {point.id for point in list_points(sweep) if point.model == "walk"}
    settings = {"AWS_ENDPOINT_URL": S3, "AWS_EC2_METADATA_DISABLED": "true", **KEYS}
    start_ray(**settings)
    # Only the head's own disk has the user's files; the hosts share no other folder than /shared.
    shutil.copytree(sweep.parent, shared / "to the head")
    (shared / "to the head" / "watch.py").write_text(WATCH)
    (shared / "to the head" / "copy_results.py").write_text(COPY)
    enter("head", "cp -r '/shared/to the head' ~/project")
    shutil.rmtree(shared / "to the head")
    run_line = f"python -m gensweep mine.py --results {ROOT} --address {HEAD} --pack 2"
    commands = {
        "s3": "moto_server -H 10.77.0.1 -p 5000",
        "run": f"cd ~/project && {run_line} --wandb disabled",
        "watch": f"cd ~/project && python watch.py {ROOT}",
    }
    lines = {name: call_in(command, **settings) for name, command in commands.items()}
    watched = tmp_path / "watch"
    with running("head", lines["s3"], tmp_path / "s3"):
        wait_until(lambda: answers("head", "10.77.0.1", 5000), "the server of the bucket", 100)
        enter("head", f"curl -sf -X PUT {S3}/{BUCKET}")
        with (
            running("head", lines["run"], tmp_path / "run") as run,
            running("head", lines["watch"], watched),
        ):

            def find_victims() -> list[tuple[str, str, int]]:
                seen = read_progress(watched, walks)
                return [one for one in seen if one[1] in WORKERS and SOME <= one[2] < EPOCHS - 5]

            wait_until(lambda: bool(find_victims()), "the task with a script on a worker", 300)
            point, host, before = find_victims()[-1]
            assert lab("kill", host).returncode == 0
            print(f"--- {host} killed after epoch {before} of {point}")
            wait_until(lambda: run.poll() is not None, "the end of the run", 500)
        assert run.returncode == 0, (tmp_path / "run").read_text()
        enter("head", call_in(f"python ~/project/copy_results.py {ROOT}", **settings))
    seen = read_progress(watched, {point})
    later = [epoch for _, its_host, epoch in seen if its_host not in ("", host)]
    assert later and min(later) >= before, "resumed, on another host"
    plain = tmp_path / "plain"
    (sweep.parent / "step.sh").write_text("#!/bin/sh\necho 0\n")
    # In packs, too: a lane sums in another order than a training alone.
    ended = call(sweep, "--local", "--pack", "2", "--results", plain)
    assert ended.code == 0, ended.error
    in_bucket = records(shared / "copy")
    assert len(in_bucket) == 14
    assert {name: record.metrics for name, record in in_bucket.items()} == {
        name: record.metrics for name, record in records(plain).items()
    }
    page = (shared / "copy" / "mine" / "report.html").read_text()
    assert all(f"<h4>{model}</h4>" in page for model in ("digits_mlp", "walk", "diffusion"))
