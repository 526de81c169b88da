"""`sync`: runs that W&B really wrote, uploaded by W&B itself to a server on loopback that works, or does not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from runs import call
from wandb_server import HANG, KEY, Run, Server, serving

from gensweep import Grid, Sweep
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Point
from gensweep.tracking import sync as syncing
from gensweep.tracking.pending import find_pending

pytestmark = pytest.mark.wandb
SWEEP = Sweep("tiny", [Grid("text_to_text", hidden=8)], seeds=4)
WITHOUT = "without a W&B run (not trained yet, or with --wandb disabled)"
PLAIN, OTHER, TABLE, NEVER = [
    Point.make("text_to_text", {"hidden": 8}, seed).id for seed in range(4)
]
EPOCHS = [1, 2, 3]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the offline runs of three points; a fourth was never logged."""
    root = tmp_path_factory.mktemp("logged") / "results"
    root.mkdir()
    write_sweep_json(Store(root), SWEEP, "python -m gensweep tiny.py")
    settings = wandb.Settings(
        console="off", disable_code=True, disable_git=True, silent=True, symlink=False, x_disable_meta=True,
        x_disable_stats=True, x_save_requirements=False,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        for point in (PLAIN, OTHER, TABLE):
            folder = root / "points" / point
            (folder / "wandb").mkdir(parents=True)
            patch.setenv("WANDB_DATA_DIR", str(folder / "wandb"))
            about = {
                "id": f"{point}-abcdef",
                "name": point,
                "project": "p",
                "config": {"point": point},
            }
            run = wandb.init(
                mode="offline", dir=folder, settings=settings, reinit="create_new", **about
            )
            for epoch in EPOCHS:
                run.log({"epoch": epoch, "train/loss": 1 / epoch}, step=epoch)
            if point == TABLE:
                run.log({"answers": wandb.Table(["query", "answer"], [["1+1", "2"]])}, step=4)
            run.summary["status"] = "ok"
            run.finish()
    wandb.teardown()
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for one test, with only `PLAIN` and `OTHER` logged."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("WANDB_ENTITY", raising=False)
    copy = tmp_path / "results"
    shutil.copytree(template, copy, ignore=shutil.ignore_patterns(TABLE))
    return copy


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that W&B is logged in to."""
    with serving() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        wandb.teardown()  # and with it what this process knows of another server
        yield running
    wandb.teardown()


def sync(root: Path, *options: Any) -> tuple[int, list[str]]:
    """The exit status of a call, and its lines."""
    done = call("sync", root / "tiny", *options)
    return done.code, (done.out + done.error).splitlines()


def uploaded(server: Server, point: str, to: str = "team/p") -> Run:
    return server.runs[f"{to}/{point}-abcdef"]


def steps(run: Run) -> list[int]:
    return [line["_step"] for line in run.history]


def file(root: Path, point: str) -> Path:
    """The `.wandb` file of the point's last attempt."""
    return max((root / "points" / point / "wandb").glob("*run-*/*.wandb"))


def earlier(path: Path, content: bytes) -> Path:
    """A file of an attempt before the one that wrote `path`."""
    folder = path.parent.with_name(f"offline-run-20200101_000000-{path.stem.removeprefix('run-')}")
    folder.mkdir()
    (folder / path.name).write_bytes(content)
    return folder / path.name


def marks(root: Path) -> set[str]:
    """The points with a file that is marked as uploaded."""
    return {path.parents[2].name for path in root.glob("points/*/wandb/*/*.wandb.synced")}


def test_runs_are_uploaded_once(root: Path, server: Server) -> None:
    """One that was logged offline, and one that was online and was cut off."""
    online = file(root, OTHER).parent
    online.rename(online.with_name(online.name.removeprefix("offline-")))
    code, message = sync(root)
    assert message == [
        f"2 runs to upload to p at {server.url}, 0 uploaded already, 2 {WITHOUT}.",
        *message[1:-2],
        "[2/2] uploaded",
        f"Uploaded 2 runs: {server.url}/team/p",
    ]
    assert (code, marks(root), server.unknown) == (0, {PLAIN, OTHER}, [])
    for point in (PLAIN, OTHER):
        run = uploaded(server, point)
        assert run.config == {"point": point}
        assert [(line["epoch"], line["train/loss"]) for line in run.history] == [
            (n, 1 / n) for n in EPOCHS
        ]
        assert steps(run) == EPOCHS
        assert (run.summary["status"], run.summary["epoch"], run.exit_code) == ("ok", 3, 0)
    before = len(server.operations)
    assert sync(root) == (0, [f"Nothing to upload, 2 uploaded already, 2 {WITHOUT}."])
    assert len(server.operations) == before


def test_a_dry_run_asks_nobody(root: Path, tmp_path: Path) -> None:
    """No login, no server, no import of W&B; each point of two sweeps once."""
    shutil.copytree(root / "tiny", root / "again")
    script = (
        "import sys; from gensweep.cli.app import main\n"
        "try: main(sys.argv[1:])\nfinally: assert 'wandb' not in sys.modules"
    )
    command = [
        sys.executable,
        "-c",
        script,
        "sync",
        str(root / "tiny"),
        str(root / "again"),
        "--dry-run",
    ]
    environment = os.environ | {"WANDB_ENTITY": "us", "WANDB_BASE_URL": "http://127.0.0.1:9"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    message = f"2 runs to upload to us/p, 0 uploaded already, 2 {WITHOUT}.\n  {PLAIN}\n  {OTHER}\n"
    assert (done.stdout, done.stderr, done.returncode) == (message, "", 0)
    assert not marks(root)


@pytest.mark.parametrize(
    ("key", "text"),
    [("", "run wandb login --host http://127.0.0.1:"), ("short", "WANDB_API_KEY invalid")],
)
def test_without_a_login_nothing_is_started(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, key: str, text: str
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", key)
    monkeypatch.setattr(syncing, "Upload", None)
    code, message = sync(root)
    assert (code, len(message), server.operations) == (2, 1, [])
    assert text in message[0] and "wandb login" in message[0]


def test_a_netrc_is_a_login(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(
        f"machine {server.url.removeprefix('http://')} login user password {KEY}\n"
    )
    assert syncing.find_login() == server.url


def test_what_killed_processes_leave(root: Path, server: Server) -> None:
    """`PLAIN`: an attempt cut short, then a whole one. `OTHER`: one cut in its first record, then one never written
    to. `TABLE`: one never written to. Each is said once, and none is in the way of the others."""
    complete = file(root, PLAIN).read_bytes()
    earlier(file(root, PLAIN), complete[:-90])
    cut = earlier(file(root, OTHER), complete[:60])
    file(root, OTHER).write_bytes(complete[:7])
    (root / "points" / TABLE / "wandb" / "offline-run-20260101_000000-x").mkdir(parents=True)
    (
        root / "points" / TABLE / "wandb" / "offline-run-20260101_000000-x" / "run-x.wandb"
    ).write_bytes(complete[:7])
    code, message = sync(root)
    assert message[0] == (
        f"2 runs to upload to p at {server.url}, 0 uploaded already, 1 killed before anything was written, 1 {WITHOUT}."
    )
    assert message[-3:] == [
        f"Uploaded 1 run: {server.url}/team/p",
        "1 file uploaded as far as possible: cut short by the end of its process",
        f"left out: {cut} has no run: the file ends with an incomplete record",
    ]
    assert (code, marks(root)) == (0, {PLAIN})
    assert steps(uploaded(server, PLAIN)) == EPOCHS
    assert uploaded(server, PLAIN).exit_code == 0, "the whole one came last"


def test_an_attempt_after_an_upload_is_uploaded_over_it(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a resumed point writes anew, to another project; nothing older than an uploaded file is uploaded."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    shutil.rmtree(root / "points" / OTHER)
    new = file(root, PLAIN)
    old = earlier(new, new.read_bytes())
    mark = new.with_name(f"{new.name}.synced")
    mark.touch()
    assert find_pending([root / "tiny"], None, None).runs == []
    mark.rename(old.with_name(mark.name))
    before = [json.dumps({"_step": step, "old": True}) for step in EPOCHS[:2]]
    server.runs[f"us/q/{PLAIN}-abcdef"] = Run(lines=dict(enumerate(before)))
    code, message = sync(root, "--wandb-entity", "us", "--wandb-project", "q")
    assert (code, message[0].partition(",")[0]) == (0, f"1 run to upload to us/q at {server.url}")
    assert message[-1] == f"Uploaded 1 run: {server.url}/us/q"
    lines = uploaded(server, PLAIN, "us/q").history
    assert [(line["_step"], "old" in line) for line in lines] == [(n, False) for n in EPOCHS]


def test_an_interrupted_upload_goes_on_without_duplicates(root: Path, server: Server) -> None:
    """The server fails from the third line on that it is sent: one run may be there, or none."""
    streams: list[str] = []

    def fault(path: str, operation: str) -> int | None:
        streams.extend([path] if "file_stream" in path else [])
        return 500 if len(streams) > 3 else None

    server.fault = fault
    code, message = sync(root, "--timeout", 1)
    available = marks(root)
    assert (code, len(available) < 2) == (1, True)
    assert message[-1].startswith(f"{2 - len(available)} run")
    assert "error: HTTP 500: " in message[-2]
    server.fault = lambda path, operation: None
    assert sync(root)[0] == 0
    assert [steps(uploaded(server, point)) for point in (PLAIN, OTHER)] == [EPOCHS, EPOCHS]
    assert {uploaded(server, point).exit_code for point in (PLAIN, OTHER)} == {0}


def streams(status: int) -> Callable[[str, str], int | None]:
    return lambda path, operation: status if "file_stream" in path else None


FAULTS: dict[str, tuple[dict[str, str], Callable[[str, str], int | None], str]] = {
    "refused": (
        {"WANDB_API_KEY": "f" * 40},
        lambda path, operation: None,
        "W&B refuses this login (wandb login",
    ),
    "hangs": ({}, lambda path, operation: HANG, "no answer for 1 s"),
    "dead": (
        {"WANDB_BASE_URL": "http://127.0.0.1:9"},
        lambda path, operation: None,
        "connection refused",
    ),
    # wandb sync marks a run as uploaded in spite of these, and ends with status 0
    "no lines": ({}, streams(403), "403 Forbidden"),
    "no files": (
        {},
        lambda path, operation: 403 if path.startswith("/put/") else None,
        "403 Forbidden",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It ends, says each reason once, and marks nothing."""
    environment, server.fault, reason = FAULTS[name]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    # A busy machine may need seconds for an answer; only these two never send one.
    code, message = sync(root, "--timeout", 1 if name in ("hangs", "dead") else 60)
    assert (code, marks(root)) == (1, set())
    (error,) = [line for line in message if line.startswith("error: ")]
    assert reason in error
    assert message[-1] == "2 runs are not uploaded; repeat the command to continue."


def test_files_that_were_moved_are_no_failure_for_ever(
    template: Path, root: Path, server: Server
) -> None:
    """A table is sent from the place where it was written: that is gone where results are copied from elsewhere."""
    server.artifact_state = "PENDING"
    shutil.rmtree(root)
    gone = template.with_name("elsewhere")
    template.rename(gone)
    try:
        shutil.copytree(gone, root, ignore=shutil.ignore_patterns(PLAIN, OTHER))
        code, message = sync(root)
    finally:
        gone.rename(template)
    assert (code, marks(root)) == (0, {TABLE}), message
    assert (
        message[-1].startswith("1 file uploaded as far as possible: ")
        and "no such file or directory" in message[-1]
    )
    assert steps(uploaded(server, TABLE)) == [*EPOCHS, 4]


def test_points_in_training_are_left_alone(root: Path) -> None:
    with Ledger(root).claim(PLAIN, Process.get_current()):
        code, message = sync(root, "--dry-run")
    assert (code, message) == (
        0,
        [
            f"1 run to upload to p, 0 uploaded already, 1 in training and skipped this time, 2 {WITHOUT}.",
            f"  {OTHER}",
        ],
    )


def test_a_signal_ends_the_upload(root: Path, server: Server) -> None:
    """And W&B's processes with it; what was uploaded is marked."""
    server.fault = lambda path, operation: HANG if f"{OTHER}-abcdef/file_stream" in path else None
    command = [sys.executable, "-m", "gensweep", "sync", str(root / "tiny")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 60
    while not marks(root):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (child,) = children(process.pid)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 128 + signal.SIGTERM
    assert "Stopped; finished work is saved. To continue: python -m gensweep sync" in output
    assert marks(root) == {PLAIN}
    assert not Path(f"/proc/{child}").exists()


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_batches(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """One point a process: the failure of one is no reason to leave out the other, if that gets there."""
    monkeypatch.setattr(syncing, "MAX_BATCH_POINTS", 1)
    server.fault = lambda path, operation: 403 if f"{OTHER}-abcdef/file_stream" in path else None
    code, message = sync(root)
    assert (code, marks(root)) == (1, {PLAIN})
    assert f"Uploaded 1 run: {server.url}/team/p" in message
    assert message[-1] == "1 run is not uploaded; repeat the command to continue."


def test_a_wandb_that_does_not_start(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho no wandb here\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    code, message = sync(root)
    assert (code, message[-2]) == (1, "error: wandb sync ended with status 3: no wandb here")
    assert message[-1] == "2 runs are not uploaded; repeat the command to continue."
