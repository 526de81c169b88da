"""Weights & Biases: what a point's run holds, read back from W&B's own files and from a server on loopback."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import TINY, TINY_PICTURES, call, ended, other, records, same, train, write_sweep
from wandb.util import get_core_path
from wandb_server import HANG, HISTORY, Server, serving

from gensweep.core.errors import UserError
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Pack, Point
from gensweep.system.signals import Stopped
from gensweep.tracking import tracker, wandb_run
from gensweep.tracking.run_content import MAX_TABLE_ROWS
from gensweep.tracking.settings import DISABLED, OFFLINE, ONLINE, Tracking
from gensweep.tracking.tracker import Tracker
from gensweep.train.divergence import DivergedError
from gensweep.train.loop import Training
from gensweep.trainables import train_text_to_text
from gensweep.trial.config import TrialConfig
from gensweep.trial.trial import run_pack

pytestmark = pytest.mark.wandb
POINT = Point.make("text_to_text", TINY, 0)
PICTURES = Point.make("vae", TINY_PICTURES | {"epochs": 3}, 0)
OFF = Tracking(OFFLINE, sweep="tiny")
ON = Tracking(ONLINE, sweep="tiny")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing learnt of W&B by an earlier test."""
    monkeypatch.setattr(tracker._ProcessState, "best_mode", ONLINE)


@pytest.fixture
def own_service() -> Iterator[None]:
    """A helper process of the test's own, which reads the test's environment."""
    wandb_run.close_service()
    yield
    wandb_run.close_service()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A W&B server that this process's runs go to."""
    with serving() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        wandb_run.close_service()
        yield running
        wandb_run.close_service()  # while it still answers


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B is given up after seconds."""
    for name, seconds in {"INIT_SECONDS": 2, "FINISH_SECONDS": 2, "REQUEST_SECONDS": 1}.items():
        monkeypatch.setattr(wandb_run, name, seconds)


def run_folder(root: Path, point: Point = POINT) -> Path:
    """The one run folder of a point."""
    (folder,) = (root / "points" / point.id / "wandb").glob("*run-*")
    return folder


def inspected(folder: Path) -> list[dict[str, Any]]:
    """The records of a run, as `wandb leet inspect --json` gives them."""
    (file,) = folder.glob("*.wandb")
    command = [
        get_core_path(),
        "leet",
        "inspect",
        "-no-observability",
        "-json",
        "-run-file",
        file,
        folder.parent,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def history(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history in a run's records, with the step."""
    return [line["history"]["item"] for line in lines if line["type"] == "history"]


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary in a run's records."""
    return {
        key: value
        for line in lines
        if line["type"] == "summary"
        for key, value in line["summary"]["update"].items()
    }


def check_steps(lines: list[dict[str, Any]], root: Path, point: Point = POINT) -> None:
    """Make sure that each epoch is one step, with the numbers of history.csv."""
    steps = history(lines)
    with open(root / "points" / point.id / "history.csv", newline="") as file:
        wanted = [
            {key: float(value) for key, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
    assert (
        [step["_step"] for step in steps]
        == [line["epoch"] for line in wanted]
        == [1, *range(2, len(steps) + 1)]
    )
    for step, line in zip(steps, wanted, strict=True):
        assert {key: step[key] for key in line} == line


# --- what a run holds


def test_a_run_holds_config_history_summary_and_media(root: Path) -> None:
    train([PICTURES, POINT], root, tracking=Tracking(OFFLINE, "mine", "us", "tiny"))
    for point in (PICTURES, POINT):
        lines, record = inspected(run_folder(root, point)), records(root)[point.id]
        (run,) = [line["run"] for line in lines if line["type"] == "run"]
        assert run["run_id"] == (root / "points" / point.id / "wandb" / "id").read_text()
        assert run["run_id"].startswith(f"{point.id}-") and len(run["run_id"]) == len(point.id) + 7
        assert (run["project"], run["entity"], run["run_group"], run["job_type"]) == (
            "mine",
            "us",
            "tiny",
            point.model,
        )
        assert (run["display_name"], run["tags"]) == (
            point.id,
            [point.model, point.params["dataset"], "tiny"],
        )
        assert run["git"]["commit"] == record.versions["commit"]
        config = run["config"]["update"]
        built = {"versions": record.versions, "commit": record.versions["commit"]}
        names = {
            "point": point.id,
            "cell": point.cell,
            "seed": 0,
            "sweep": "tiny",
            "model": point.model,
        }
        assert point.params | names | built == {
            key: config[key] for key in config.keys() - {"hardware", "_wandb"}
        }
        check_steps(lines, root, point)
        last = summary(lines)
        assert {key: last[key] for key in record.metrics} == record.metrics
        assert (last["status"], last["epochs"], last["seconds"]) == (
            Status.OK,
            record.epochs,
            record.seconds,
        )
        (exit,) = [line["exit"] for line in lines if line["type"] == "exit"]
        assert exit.get("exit_code", 0) == 0


def test_pictures_and_wrong_answers_are_there_as_files(root: Path) -> None:
    train([PICTURES, POINT], root, tracking=OFF)
    folder, point = run_folder(root, PICTURES), root / "points" / PICTURES.id
    steps = {step["_step"]: step for step in history(inspected(folder))}
    assert [step for step, line in steps.items() if "samples.path" in line] == [1, 2, 3]
    for step, sheet in (
        (1, "samples/epoch-0001.png"),
        (2, "samples/epoch-0002.png"),
        (3, "samples.png"),
    ):
        assert (folder / "files" / steps[step]["samples.path"]).read_bytes() == (
            point / sheet
        ).read_bytes()
    for kind in ("linear", "spherical"):
        logged = folder / "files" / steps[3][f"interpolation/{kind}.path"]
        assert logged.read_bytes() == (point / f"interpolation-{kind}.png").read_bytes()
    folder, point = run_folder(root), root / "points" / POINT.id
    path = history(inspected(folder))[-1]["answers/wrong.path"]
    table = json.loads((folder / "files" / path).read_text())
    with open(point / "answers.csv", newline="") as file:
        header, *answers = csv.reader(file)
    assert table == {
        "columns": header,
        "data": [row for row in answers if row[1] != row[2]][:MAX_TABLE_ROWS],
        **_extra(table),
    }
    assert len(table["data"]) == MAX_TABLE_ROWS
    assert not [*(Path.home() / ".local/share/wandb").rglob(f"*{POINT.id}*")]


def _extra(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in ("columns", "data")}


def test_logging_changes_no_number(root: Path, tmp_path: Path) -> None:
    train([POINT], root, tracking=OFF)
    train([POINT], tmp_path / "without")
    assert not (tmp_path / "without" / "points" / POINT.id / "wandb").exists()
    same(root, tmp_path / "without", POINT)


@pytest.mark.parametrize(
    ("error", "status"),
    [(DivergedError("loss not finite"), Status.DIVERGED), (ValueError("no"), Status.FAILED)],
)
def test_what_goes_wrong_is_in_the_summary(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str
) -> None:
    run_epoch = Training.run_epoch

    def failing(training: Training) -> dict[str, float]:
        if training.epoch == 1:
            raise error
        return run_epoch(training)

    monkeypatch.setattr(Training, "run_epoch", failing)
    train([POINT], root, tracking=OFF)
    lines = inspected(run_folder(root))
    assert [step["_step"] for step in history(lines)] == [1]
    assert summary(lines)["status"] == status
    assert summary(lines)["error"] == records(root)[POINT.id].error
    assert [line["exit"] for line in lines if line["type"] == "exit"] == [{"exit_code": 1}]


def test_every_lane_of_a_pack_has_a_run_of_its_own(root: Path) -> None:
    lanes = Pack((POINT, POINT.with_seed(1), POINT.with_seed(2)))
    run_pack(lanes, None, TrialConfig(results=root, tracking=OFF), lambda report: None)
    for point in lanes.points:
        lines = inspected(run_folder(root, point))
        assert [line["run"]["display_name"] for line in lines if line["type"] == "run"] == [
            point.id
        ]
        check_steps(lines, root, point)
        assert summary(lines)["status"] == Status.OK


def test_one_lanes_trouble_costs_no_other_lane_its_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The helper that is ended for one lane served all of them: they write their runs anew, however often."""
    lanes = Pack((POINT, POINT.with_seed(1), POINT.with_seed(2)))
    open_run, failed = wandb_run.open_run, []

    def failing(folder: Path, about: dict[str, Any], commit: str | None) -> Any:
        run = open_run(folder, about, commit)
        if about["name"] == lanes.points[1].id and not failed:
            failed.append(about["name"])
            raise OSError("no such luck")
        return run

    monkeypatch.setattr(wandb_run, "open_run", failing)
    reports: list[dict[str, Any]] = []
    run_pack(lanes, None, TrialConfig(results=root, tracking=OFF), reports.append)
    assert failed and not any("warning" in report for report in reports)
    for point in lanes.points:
        lines = inspected(run_folder(root, point))
        check_steps(lines, root, point)
        assert summary(lines)["status"] == Status.OK


# --- resumed


def stop_after_one_epoch(report: dict[str, Any]) -> None:
    """A report that a signal comes with."""
    if report.get("epoch") == 1:
        raise Stopped(signal.SIGTERM)


def attempt(root: Path, logged: Tracking, report: Any) -> None:
    """One attempt at the point."""
    run_pack(Pack((POINT,)), None, TrialConfig(results=root, tracking=logged), report)


def killed_after_one_epoch(root: Path) -> None:
    """Train, log, and die without warning."""
    attempt(root, OFF, lambda report: os.kill(os.getpid(), signal.SIGKILL))


def test_a_stopped_point_continues_its_run_with_no_step_twice(root: Path) -> None:
    with pytest.raises(Stopped):
        attempt(root, OFF, stop_after_one_epoch)
    run_id = (root / "points" / POINT.id / "wandb" / "id").read_text()
    reports: list[dict[str, Any]] = []
    attempt(root, OFF, reports.append)
    assert [report["epoch"] for report in reports] == [2, 2]
    lines = inspected(run_folder(root))
    assert [line["run"]["run_id"] for line in lines if line["type"] == "run"] == [run_id]
    check_steps(lines, root)
    assert all("samples.path" in line for line in history(lines))


def test_a_killed_point_continues_its_run_with_no_step_lost(root: Path) -> None:
    with other(killed_after_one_epoch, root) as process:
        assert ended(process) == -signal.SIGKILL
    train([POINT], root, tracking=OFF)
    check_steps(inspected(run_folder(root)), root)


def test_a_point_that_was_killed_before_its_test_logs_every_epoch(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            Training, "test", lambda training: (_ for _ in ()).throw(Stopped(signal.SIGTERM))
        )
        with pytest.raises(Stopped):
            train([POINT], root, tracking=OFF)
    train([POINT], root, tracking=OFF)
    check_steps(inspected(run_folder(root)), root)


def test_a_point_trained_again_elsewhere_is_another_run(root: Path, tmp_path: Path) -> None:
    train([POINT], root, tracking=OFF)
    train([POINT], tmp_path / "other", tracking=OFF)
    ids = {
        (folder / "points" / POINT.id / "wandb" / "id").read_text()
        for folder in (root, tmp_path / "other")
    }
    assert len(ids) == 2
    shutil.rmtree(root / "points" / POINT.id)
    train([POINT], root, tracking=OFF)
    assert (root / "points" / POINT.id / "wandb" / "id").read_text() not in ids


def test_lanes_log_beside_each_other(root: Path) -> None:
    points = [Point.make("text_to_text", TINY, seed) for seed in range(3)]
    lines = [{"epoch": float(epoch), "train/loss": 1.0 / epoch} for epoch in (1, 2)]
    with contextlib.ExitStack() as stack:
        trackers = []
        for point in points:
            folder = Ledger(root).folder(point.id)
            folder.mkdir(parents=True)
            trackers.append(stack.enter_context(Tracker(point, OFF, folder)))
        for epoch in (1, 2):
            for lane, tracker in enumerate(trackers):
                tracker.log([line | {"lane": lane} for line in lines[:epoch]])
        for lane, (point, tracker) in enumerate(zip(points, trackers, strict=True)):
            record = _record(point, status=Status.FAILED, error="none")
            tracker.close(record, [line | {"lane": lane} for line in lines])
    for lane, point in enumerate(points):
        steps = history(inspected(run_folder(root, point)))
        assert [(step["_step"], step["lane"], step["train/loss"]) for step in steps] == [
            (1, lane, 1.0),
            (2, lane, 0.5),
        ]


@pytest.mark.parametrize("epochs", [1, TINY["epochs"]])
def test_a_run_that_ends_early_has_its_test_metrics(root: Path, epochs: int) -> None:
    folder = Ledger(root).folder(POINT.id)
    folder.mkdir(parents=True)
    lines = [{"epoch": float(epoch), "train/loss": 0.5} for epoch in range(1, epochs + 1)]
    record = _record(POINT, status=Status.OK, epochs=epochs, metrics={"test/height": 0.25})
    with Tracker(POINT, OFF, folder) as logged:
        for end in range(1, epochs + 1):
            logged.log(lines[:end])
        logged.close(record, lines)
    written = inspected(run_folder(root))
    assert [step["_step"] for step in history(written)] == list(range(1, epochs + 1))
    last = summary(written)
    assert (last["test/height"], last["status"], last["epochs"]) == (0.25, Status.OK, epochs)


def _record(point: Point, **values: Any) -> Record:
    return Record(point.id, point.model, point.params, point.seed, **values)


# --- online


def test_online_a_run_is_at_the_server_when_its_point_ends(root: Path, server: Server) -> None:
    reports = train([PICTURES], root, tracking=ON)
    assert not any("warning" in report for report in reports)
    ((name, run),) = server.runs.items()
    assert name == f"team/gensweep/{(root / 'points' / PICTURES.id / 'wandb' / 'id').read_text()}"
    record = records(root)[PICTURES.id]
    assert [line["_step"] for line in run.history] == [1, 2, 3]
    assert {key: run.summary[key] for key in record.metrics} == record.metrics
    assert (run.summary["status"], run.exit_code) == (Status.OK, 0)
    assert run.config["cell"] == PICTURES.cell
    assert (run.values["groupName"], run.values["jobType"]) == ("tiny", "vae")
    sheet = (root / "points" / PICTURES.id / "samples.png").read_bytes()
    assert server.files[f"{name}/{run.history[-1]['samples']['path']}"] == sheet
    (file,) = run_folder(root, PICTURES).glob("*.wandb")
    assert file.with_name(f"{file.name}.synced").exists()


def test_online_a_resumed_point_overwrites_its_own_lines(root: Path, server: Server) -> None:
    with pytest.raises(Stopped):
        attempt(root, ON, stop_after_one_epoch)
    attempt(root, ON, lambda report: None)
    (run,) = server.runs.values()
    assert [(offset, json.loads(line)["_step"]) for offset, line in sorted(run.lines.items())] == [
        (0, 1),
        (1, 2),
    ]
    assert (run.summary["status"], run.exit_code) == (Status.OK, 0)


@pytest.mark.usefixtures("own_service")
def test_variables_of_other_runs_do_not_reach_ours(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {
        "WANDB_RESUME": "allow",
        "WANDB_RUN_ID": "theirs",
        "WANDB_SWEEP_ID": "theirs",
        "WANDB_RUN_GROUP": "theirs",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    train([POINT], root, tracking=OFF)
    (run,) = [line["run"] for line in inspected(run_folder(root)) if line["type"] == "run"]
    assert run["run_id"].startswith(POINT.id)
    assert run["run_group"] == "tiny"
    assert "sweep_id" not in run and "resumed" not in run


# --- faults: one warning, and the point is ok


def trained_with_trouble(root: Path, points: list[Point], logged: Tracking = ON) -> str:
    """Train; the one warning of all points, each of which must be ok."""
    reports = train(points, root, tracking=logged)
    assert {point_id: record.status for point_id, record in records(root).items()} == {
        p.id: Status.OK for p in points
    }
    (warning,) = {report["warning"] for report in reports if "warning" in report}
    return warning


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(lambda path, operation: 500, "HTTP 500", id="500s"),
        pytest.param(lambda path, operation: HANG, "imed out", id="hangs"),
        pytest.param(lambda path, operation: 401, "out of order", id="refused"),
        pytest.param(
            lambda path, operation: HANG if "file_stream" in path else None,
            "Timed out",
            id="hangs late",
        ),
    ],
)
@pytest.mark.usefixtures("hasty")
def test_what_fails_online_is_whole_offline(
    root: Path, server: Server, fault: Any, message: str
) -> None:
    server.fault = fault
    points = [Point.make("text_to_text", TINY, seed) for seed in (0, 1)]
    warning = trained_with_trouble(root, points)
    assert message in warning and "logged offline instead" in warning
    for point in points:
        folder = run_folder(root, point)
        assert folder.name.startswith("offline-run-")
        check_steps(inspected(folder), root, point)
        assert not [*folder.glob("*.synced")]


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "wandb login"), ("short", "API key"), ("b" * 40, "permission denied")],
)
def test_without_a_good_login_everything_is_logged_offline(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, key: str | None, message: str
) -> None:
    if key is None:
        monkeypatch.delenv("WANDB_API_KEY")
    else:
        monkeypatch.setenv("WANDB_API_KEY", key)
    warning = trained_with_trouble(root, [POINT])
    assert message in warning
    check_steps(inspected(run_folder(root)), root)


@pytest.mark.usefixtures("hasty", "own_service")
def test_without_any_server_everything_is_logged_offline(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    assert "connection refused" in trained_with_trouble(root, [POINT])
    check_steps(inspected(run_folder(root)), root)


def helper_process() -> int:
    """W&B's helper process of this process."""
    result = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "wandb-core"], capture_output=True, text=True, check=True
    )
    return int(result.stdout.split()[-1])


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # W&B does not wait for a process that died
@pytest.mark.usefixtures("own_service")
def test_a_helper_process_that_crashes_costs_nothing(root: Path) -> None:
    reports: list[dict[str, Any]] = []

    def crash(report: dict[str, Any]) -> None:
        reports.append(report)
        if report.get("epoch") == 1:
            wait_until(lambda: [*(root / "points" / POINT.id / "wandb").glob("*run-*/*.wandb")])
            os.kill(helper_process(), signal.SIGKILL)

    attempt(root, OFF, crash)
    assert records(root)[POINT.id].status == Status.OK
    assert not any("warning" in report for report in reports)
    check_steps(inspected(run_folder(root)), root)


def wait_until(true: Any) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # W&B does not wait for a process that died
@pytest.mark.usefixtures("own_service")
def test_a_helper_process_that_is_stuck_is_left_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "CLOSE_SECONDS", 1.0)
    stuck: list[int] = []
    reports: list[dict[str, Any]] = []

    def stop(report: dict[str, Any]) -> None:
        reports.append(report)
        if report.get("epoch") == 1 and not stuck:
            wait_until(lambda: [*(root / "points" / POINT.id / "wandb").glob("*run-*/*.wandb")])
            stuck.append(helper_process())
            os.kill(stuck[0], signal.SIGSTOP)

    try:
        attempt(root, OFF, stop)
        (warning,) = {report["warning"] for report in reports if "warning" in report}
        assert "no answer for 1 s" in warning
        assert records(root)[POINT.id].status == Status.OK
        second = Point.make("text_to_text", TINY, 1)
        assert train([second], root, tracking=OFF)[-1]["status"] == Status.OK
        assert not (root / "points" / second.id / "wandb").exists()
    finally:
        os.kill(stuck[0], signal.SIGKILL)


def test_a_full_disk_is_one_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = wandb_run.is_complete

    def cut(path: Path) -> bool:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 1)
        return complete(path)

    monkeypatch.setattr(wandb_run, "is_complete", cut)
    monkeypatch.setattr(wandb_run, "WRITE_SECONDS", 0.1)
    warning = trained_with_trouble(root, [POINT], OFF)
    assert "cut short" in warning and "not logged" in warning


def test_folders_that_cannot_be_written_are_one_warning(root: Path) -> None:
    points = [Point.make("text_to_text", TINY, seed) for seed in (0, 1)]
    for point in points:
        folder = Ledger(root).folder(point.id)
        folder.mkdir(parents=True)
        (folder / "wandb").write_text("in the way")
    warning = trained_with_trouble(root, points, OFF)
    assert "not logged" in warning and str(root) not in warning


@pytest.mark.parametrize("refused", ["file_stream", "/put/"])
def test_what_the_server_refuses_later_is_not_taken_for_uploaded(
    root: Path, server: Server, refused: str
) -> None:
    server.fault = lambda path, operation: 403 if refused in path else None
    points = [Point.make("text_to_text", TINY, seed) for seed in (0, 1)]
    assert "not everything was uploaded (HTTP 403)" in trained_with_trouble(root, points)
    for point in points:
        folder = run_folder(root, point)
        assert not [*folder.glob("*.synced")]
        check_steps(inspected(folder), root, point)


@pytest.mark.usefixtures("own_service")
def test_another_process_s_helper_is_left_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SERVICE", "3-1-127.0.0.1-3")
    assert not any("warning" in report for report in train([POINT], root, tracking=OFF))
    check_steps(inspected(run_folder(root)), root)


def test_a_run_longer_than_a_block_is_whole_and_a_cut_one_is_not(root: Path) -> None:
    folder = Ledger(root).folder(POINT.id)
    folder.mkdir(parents=True)
    lines = [
        {"epoch": float(epoch), **{f"train/{name:040d}": 0.5 for name in range(200)}}
        for epoch in range(1, 20)
    ]
    with Tracker(POINT, OFF, folder) as tracker:
        tracker.close(_record(POINT, status=Status.FAILED, error="none"), lines)
    assert tracker.trouble is None
    (file,) = run_folder(root).glob("*.wandb")
    assert file.stat().st_size > 2 * 32768
    assert wandb_run.is_complete(file)
    data = file.read_bytes()
    for size in (0, 7, 100, 32768, len(data) - 1, len(data) - 20):
        file.write_bytes(data[:size])
        assert not wandb_run.is_complete(file), size


# --- the command line


def test_the_command_line_logs_offline_when_nobody_says_otherwise(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    called = call(
        write_sweep(tmp_path), "--results", root, "--local", "--seeds", 1, "--wandb-project", "mine"
    )
    assert called.code == 0
    assert f"python -m gensweep sync {root / 'tiny'}" in called.out
    (run,) = [line["run"] for line in inspected(run_folder(root)) if line["type"] == "run"]
    assert (run["project"], run["run_group"]) == ("mine", "tiny")


@pytest.mark.usefixtures("hasty")
def test_the_command_line_says_once_what_went_wrong(
    tmp_path: Path, root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fault = lambda path, operation: 500 if operation else None
    called = call(
        write_sweep(tmp_path), "--results", root, "--local", "--seeds", 2, "--wandb", "online"
    )
    assert called.code == 0
    assert sum(line.startswith("W&B:") for line in called.out.splitlines()) == 1
    assert f"python -m gensweep sync {root / 'tiny'}" in called.out


def test_without_a_login_nothing_is_logged_and_one_line_says_so(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    called = call(write_sweep(tmp_path), "--results", root, "--local", "--seeds", 2)
    assert called.code == 0
    assert called.out.count("W&B is off, because there is no login on this machine.") == 1
    assert not list(root.glob("points/*/wandb"))
    quiet = call(write_sweep(tmp_path), "--results", root / "2", "--local", "--wandb", "disabled")
    assert quiet.code == 0 and "W&B" not in quiet.out


def test_modes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path) -> None:
    assert Tracking.from_cli(None, None, None, "s") == Tracking(DISABLED, "gensweep", None, "s")
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert Tracking.from_cli(None, None, None, "s").mode == DISABLED
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert Tracking.from_cli(None, None, None, "s").mode == OFFLINE
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    monkeypatch.setenv("WANDB_ENTITY", "us")
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    assert Tracking.from_cli(None, None, None, "s") == Tracking(OFFLINE, "theirs", "us", "s")
    assert Tracking.from_cli("online", "mine", "me", "s") == Tracking(ONLINE, "mine", "me", "s")
    monkeypatch.setenv("WANDB_MODE", "shared")
    called = call(write_sweep(tmp_path), "--results", root, "--local")
    assert called.code == 2
    assert "WANDB_MODE=shared" in called.error and "online, offline, disabled" in called.error
    assert not root.exists()
    with pytest.raises(UserError, match="'sideways'"):
        Tracking("sideways")


@pytest.mark.parametrize("project", ["a/b", "a:b", "p" * 129, " ", "a?b"])
def test_a_project_that_wandb_would_refuse_is_found_first(
    tmp_path: Path, root: Path, project: str
) -> None:
    called = call(write_sweep(tmp_path), "--results", root, "--local", "--wandb-project", project)
    assert called.code == 2
    assert repr(project) in called.error
    assert not root.exists()


def test_a_user_s_own_config_says_what_is_wrong_in_it(root: Path) -> None:
    mine = {**TINY, "tracking": {"mode": OFFLINE}}
    train_text_to_text(mine | {"results": str(root)}, None, lambda report: None)
    check_steps(inspected(run_folder(root)), root)
    with pytest.raises(UserError, match="results"):
        train_text_to_text(mine, None, lambda report: None)
    with pytest.raises(UserError, match=r"'mod'.*mode"):
        train_text_to_text(mine | {"tracking": {"mod": OFFLINE}}, None, lambda report: None)


def test_without_a_results_folder_nothing_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_pack(Pack((POINT,)), None, TrialConfig(tracking=OFF), lambda report: None)
    assert not [*tmp_path.iterdir()]
    assert HISTORY.endswith(".jsonl")


@pytest.mark.parametrize(
    ("switch", "mode"),
    [("true", "disabled"), ("1", "disabled"), ("false", "offline"), ("", "offline")],
)
def test_the_older_switch_of_wandb_still_works(
    monkeypatch: pytest.MonkeyPatch, switch: str, mode: str
) -> None:
    """Unless something newer says otherwise: the command line, or WANDB_MODE."""
    monkeypatch.setenv("WANDB_DISABLED", switch)
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert Tracking.from_cli(None, None, None, "s").mode == mode
    assert Tracking.from_cli("online", None, None, "s").mode == "online"
    monkeypatch.setenv("WANDB_MODE", "online")
    assert Tracking.from_cli(None, None, None, "s").mode == "online"
