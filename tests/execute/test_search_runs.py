"""Runs of a search: from its first trial to its tables, killed at any moment, and two at once."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import Called, call, command_killed_at, command_line, ended, other, records, wait_for
from s3_server import BUCKET, KEYS, running

from gensweep.ledger.claims import read_holder
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import Record
from gensweep.ledger.search_log import SearchInfo, read_search_log
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store

SOURCE = """
from gensweep import Confirm, Log, Search, Sweep

SWEEP = Sweep("tiny", search=Search(
    "text_to_text", metric="loss", method={method!r}, trials={trials}, rungs=[1], epochs=2,
    confirm=Confirm(best=1, seeds=2), hidden=8, train_fraction=0.02,
    optimizer=["adamw", "muon"], lr=Log(1e-4, 1e-1), muon_lr=Log(5e-3, 1e-1), {more}
))
"""
KILLS = (1, 2, 3, 5, 8, 13, 4, 6, 7, 9, 10, 11, 12, 6, 9, 5, 8, 7, 10, 4, 12, 9, 14, 11, 8, 13)
"""After how many files each run of a series is killed; together less than a search writes."""


def write(folder: Path, method: str = "tpe", trials: int = 9) -> str:
    """Write a sweep file with a tiny search, and return its path."""
    more = "window=2" if method == "tpe" else ""
    path = folder / "tiny.py"
    path.write_text(SOURCE.format(method=method, trials=trials, more=more))
    return str(path)


def run(file: str, root: Any, *options: str) -> Called:
    """Run the search in this process."""
    return call(file, "--results", root, "--local", *options)


def summarize(root: Any) -> dict[str, Any]:
    """Everything that must be the same whatever happened: the log, and the numbers of records."""
    store = open_store(str(root))
    log = read_search_log(store, "tiny")["tpe"]
    points = [name for trial in log.trials for level in trial.levels for name in level.points]
    points += [name for one in log.confirmed for name in one.points]
    numbers = {name: describe(Ledger(store).read_record(name)) for name in points}
    return {"log": log.model_dump(), "records": numbers}


def describe(record: Record) -> tuple[Any, ...]:
    """What a record says but for the clock and the machine."""
    return record.status, record.metrics, record.epochs, record.params


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The search that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(write(folder), folder / "results").code == 0
    return summarize(folder / "results")


def test_a_search_ends_with_confirmed_trials_and_is_derived_again(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    file = write(tmp_path, "random")
    first = run(file, root)
    assert first.code == 0, first.error
    log = read_search_log(Store(root), "tiny")["random"]
    assert [len(trial.levels) for trial in log.trials].count(2) == 3
    assert len(log.confirmed) == 1
    assert set(records(root)) == set(list_points(log))
    # A trial goes on from its rung: nine first epochs, three second ones, two fresh seeds.
    assert trained == {0: 9 + 3, 1: 2, 2: 2}
    assert not list(root.rglob("checkpoint.pt")), "they were needed for the search alone"
    again = run(file, root)
    assert again.code == 0
    assert "Nothing to do" in again.out
    assert call("search", "verify", file, "--results", root).code == 0


def list_points(log: SearchInfo) -> Iterator[str]:
    for trial in log.trials:
        for level in trial.levels:
            yield from level.points
    for confirmed in log.confirmed:
        yield from confirmed.points


@pytest.mark.slow
def test_killed_again_and_again_a_search_ends_as_if_nothing_had_happened(
    tmp_path: Path, root: Path, whole: dict[str, Any]
) -> None:
    arguments = [write(tmp_path), "--results", str(root), "--local"]
    kills = 0
    for number in KILLS:
        with other(command_killed_at, arguments, tmp_path, root, number) as process:
            kills += ended(process) == -signal.SIGKILL
    assert kills >= 20
    assert run(arguments[0], root).code == 0
    assert summarize(root) == whole


@pytest.mark.slow
def test_two_runs_at_once_share_a_search(tmp_path: Path, root: Path, whole: dict[str, Any]) -> None:
    file = write(tmp_path)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    arguments = [file, "--results", str(root), "--local"]
    with other(command_line, arguments, folders[0]) as first:
        wait_for(folders[0] / "epochs", "epoch 1")
        with other(command_line, arguments, folders[1]) as second:
            assert (ended(first, 120), ended(second, 120)) == (0, 0)
    assert summarize(root) == whole
    lines = [line for folder in folders for line in (folder / "epochs").read_text().splitlines()]
    assert len(lines) == 9 + 3 + 2 * 2, "no epoch is trained twice"


@pytest.mark.slow
def test_a_search_grows_in_the_same_results(tmp_path: Path, root: Path) -> None:
    assert run(write(tmp_path, "random", 9), root).code == 0
    before = read_search_log(Store(root), "tiny")["random"]
    assert run(write(tmp_path, "random", 18), root).code == 0
    after = read_search_log(Store(root), "tiny")["random"]
    assert after.trials[:9] == before.trials
    assert len(after.trials) == 18
    assert call("search", "verify", tmp_path / "tiny.py", "--results", root).code == 0


@pytest.mark.slow
def test_a_trial_that_fails_stalls_nothing_and_is_tried_again_when_asked(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    from gensweep.train.loop import Training

    run_epoch = Training.run_epoch
    broken = whole["log"]["trials"][0]["params"]["lr"]

    def failing(training: Training) -> dict[str, float]:
        if training.model.lr == broken:
            raise RuntimeError("a broken layer")
        return run_epoch(training)

    monkeypatch.setattr(Training, "run_epoch", failing)
    first = run(write(tmp_path), root)
    assert first.code == 1
    assert "a broken layer" in first.out
    log = read_search_log(Store(root), "tiny")["tpe"]
    assert len(log.trials) == 9
    assert log.trials[0].levels[0].status == Status.FAILED
    assert log.confirmed
    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    assert run(write(tmp_path), root, "--retry-failed").code == 0
    after = read_search_log(Store(root), "tiny")["tpe"]
    assert [one.params for one in after.trials] == [one.params for one in log.trials]
    verified = call("search", "verify", tmp_path / "tiny.py", "--results", root)
    assert verified.code in (0, 1)
    assert "trial" in verified.out


@pytest.mark.slow
def test_another_version_of_optuna_is_named(tmp_path: Path, root: Path) -> None:
    file = write(tmp_path)
    assert run(file, root).code == 0
    path = root / "tiny" / "search.json"
    values = json.loads(path.read_text())
    values["searches"]["tpe"]["trials"][0]["sampler"] = "optuna 5.0.0.dev0"
    path.write_text(json.dumps(values))
    again = run(file, root)
    assert "chosen by optuna 5.0.0.dev0" in again.out
    assert "optuna 5.0.0.dev0" in call("search", "verify", file, "--results", root).out


@pytest.mark.s3
@pytest.mark.filterwarnings("default")
def test_a_search_keeps_its_results_in_a_bucket(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    with running() as server:
        environment = {
            **KEYS,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        bucket = f"s3://{BUCKET}/results"
        assert run(write(tmp_path), bucket).code == 0
        assert summarize(bucket) == whole
        assert call("search", "verify", tmp_path / "tiny.py", "--results", bucket).code == 0


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_a_search_on_ray_is_the_same_though_workers_die(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    from gensweep.execute.progress import Screen

    report = Screen.report
    killed: list[str] = []

    def kill_some(screen: Screen, result: dict[str, Any]) -> None:
        report(screen, result)
        is_epoch = "train/loss" in result and "status" not in result
        if is_epoch and len(killed) < 3 and result["point"] not in killed:
            holder = read_holder(Store(root), f"points/{result['point']}")
            if holder is not None:
                killed.append(result["point"])
                os.kill(holder.worker.pid, signal.SIGKILL)

    monkeypatch.setattr(Screen, "report", kill_some)
    assert call(write(tmp_path), "--results", root).code == 0
    assert killed
    assert summarize(root) == whole
