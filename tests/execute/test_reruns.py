"""Runs after something changed: the code, a checkpoint, somebody else's records, the call."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import TINY, call, grid, same, train, write_sweep

from gensweep.core.errors import GensweepError
from gensweep.execute import driver
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.load import read_sweep
from gensweep.sweep.point import Point
from gensweep.train import checkpoint
from gensweep.train.loop import Training
from gensweep.trainables import get_trainable


def tiny(**params: Any) -> Point:
    """A text-to-text point of two quick epochs."""
    return Point.make("text_to_text", TINY | params, 0)


def test_a_wrong_call_leaves_what_is_written_of_the_sweep_alone(tmp_path: Path, root: Path) -> None:
    """The device is looked for before anything is written."""
    file = write_sweep(tmp_path)
    call(file, "--results", root, "--local")
    before = (root / "tiny" / "sweep.json").read_bytes()
    absent = "mps" if torch.cuda.is_available() else "cuda"
    refused = call(file, "--results", root, "--local", "--set", "epochs=3", "--device", absent)
    assert (refused.code, refused.out) == (2, "")
    assert refused.error.startswith(f"error: --device {absent}: ")
    assert (root / "tiny" / "sweep.json").read_bytes() == before
    assert call(file, "--results", root, "--local").code == 0
    assert (root / "tiny" / "sweep.json").read_bytes() == before, (
        "the same sweep is not written again"
    )


def test_an_older_record_without_a_neutral_parameter_is_still_the_points(
    root: Path, trained: Counter[int]
) -> None:
    """What a later gensweep adds is not in the records of before, and the trial reads them as the plan does."""
    point = tiny()
    train([point], root)
    path = Ledger(root).folder(point.id) / "record.json"
    record = Ledger(root).read_record(point.id)
    older = replace(
        record, params={key: value for key, value in record.params.items() if key != "clip_norm"}
    )
    path.write_text(older.to_json())
    assert Ledger(root).read({point.id: point.params}).records == {point.id: older}
    reports = train([point], root)
    assert trained[0] == point.params["epochs"]
    assert reports[-1]["status"] == Status.OK


def test_a_checkpoint_of_another_network_starts_the_point_again(
    root: Path, trained: Counter[int]
) -> None:
    """Its file is whole, and its weights have other shapes."""
    point, other = tiny(), tiny(hidden=9)
    state = build(other).state_dict()
    folder = Ledger(root).folder(point.id)
    folder.mkdir(parents=True)
    with (folder / "checkpoint.pt").open("wb") as file:
        checkpoint.save(file, point.id, {"training": state, "seconds": 9.0})
    train([point], root)
    assert trained[0] == point.params["epochs"]
    assert Ledger(root).read_record(point.id).status == Status.OK


@pytest.mark.parametrize("status", [Status.FAILED, Status.DIVERGED])
def test_a_point_that_somebody_else_recorded_meanwhile_is_not_trained_again(
    root: Path, trained: Counter[int], status: str
) -> None:
    point = tiny()
    with Ledger(root).claim(point.id, Process.get_current()) as claim:
        Ledger(root).finish(
            claim, Record(point.id, point.model, point.params, point.seed, status, error="why")
        )
    reports = train([point], root)
    assert (reports[-1]["status"], reports[-1]["error"]) == (status, "why")
    assert not trained
    train([point], root, retry_failed=True)
    assert bool(trained) == (status == Status.FAILED)


def test_a_users_own_trial_ends_with_the_error_that_tune_must_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(training: Training) -> dict[str, float]:
        raise RuntimeError("no luck")

    monkeypatch.setattr(Training, "run_epoch", failing)
    reports: list[dict[str, Any]] = []
    with pytest.raises(GensweepError, match="no luck"):
        get_trainable("text_to_text")({**TINY, "device": "cpu"}, None, reports.append)
    assert reports[-1]["status"] == Status.FAILED


def build(point: Point) -> Training:
    """A training of the point that has not begun."""
    return Training(
        point.model_config(),
        point.data_config(),
        0,
        point.data_config().prepare(),
        torch.device("cpu"),
    )


def test_a_stopped_retraining_leaves_no_old_record_beside_new_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old record is renamed before the first file of the new training replaces one of the old."""
    point = tiny()
    train([point], root)
    folder = Ledger(root).folder(point.id)
    old = replace(Ledger(root).read_record(point.id), code={"training": "0" * 12})
    (folder / "record.json").write_text(old.to_json())

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ledger, "finish", stop)
        train([point], root, retrain_changed=True)
    assert not (folder / "record.json").exists(), "the point is missing"
    assert (folder / "record.json.replaced").read_text() == old.to_json()
    train([point], root)
    assert Ledger(root).read_record(point.id).status == Status.OK
    assert not (folder / "record.json.replaced").exists()
    assert Ledger(root).read_record(point.id).metrics == old.metrics


def test_a_retraining_that_ends_before_its_first_file_keeps_the_old_record(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = tiny()
    train([point], root)
    path = Ledger(root).folder(point.id) / "record.json"
    old = replace(Ledger(root).read_record(point.id), code={"training": "0" * 12}).to_json()
    path.write_text(old)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        train([point], root, retrain_changed=True)
    assert path.read_text() == old


def test_another_default_dtype_of_the_process_changes_no_number(root: Path, tmp_path: Path) -> None:
    """As a sweep file may set it; the process has its own default again afterwards."""
    point = tiny()
    train([point], root)
    torch.set_default_dtype(torch.float64)
    try:
        train([point], tmp_path / "other")
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    same(root, tmp_path / "other", point)


OTHER_METRICS = {"exact_match": "0" * 12}


def with_other_metrics(code: dict[str, Any] | None) -> dict[str, Any]:
    """The fingerprint of code that trains the same and measures otherwise."""
    assert code is not None
    return code | {"metrics": code["metrics"] | OTHER_METRICS}


def interrupt(
    monkeypatch: pytest.MonkeyPatch, where: str, point: Point, root: Path, **options: Any
) -> None:
    """Train a point, and stop at a method of `Attempt`."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"gensweep.trial.attempt.Attempt.{where}", stop)
        train([point], root, **options)


def test_a_retraining_never_goes_on_from_the_training_that_it_replaces(
    root: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int]
) -> None:
    """It is stopped after its first samples, when the old checkpoint is still there."""
    point = tiny()
    train([point], root, keep="checkpoint")
    folder = Ledger(root).folder(point.id)
    old = Ledger(root).read_record(point.id)
    (folder / "record.json").write_text(replace(old, code=with_other_metrics(old.code)).to_json())
    state = checkpoint.load(folder / "checkpoint.pt", point.id, torch.device("cpu"))
    state["code"] = with_other_metrics(state["code"])
    with (folder / "checkpoint.pt").open("wb") as file:
        checkpoint.save(file, point.id, state)
    interrupt(monkeypatch, "save_checkpoint", point, root, retrain_changed=True)
    assert not (folder / "record.json").exists()
    trained.clear()
    train([point], root)
    assert trained[0] == point.params["epochs"]
    assert Ledger(root).read_record(point.id).code == old.code


def test_a_stopped_retraining_goes_on_from_its_own_checkpoint(
    root: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int]
) -> None:
    point = tiny(epochs=3)
    train([point], root)
    path = Ledger(root).folder(point.id) / "record.json"
    old = Ledger(root).read_record(point.id)
    path.write_text(replace(old, code={"training": "0" * 12}).to_json())
    interrupt(monkeypatch, "log_epoch", point, root, retrain_changed=True)
    # A task writes no samples: there the old record still counts.
    path.with_name("record.json.replaced").rename(path)
    trained.clear()
    train([point], root, retrain_changed=True)
    assert trained[0] == 2
    assert Ledger(root).read_record(point.id).metrics == old.metrics


def test_epochs_that_other_code_measured_are_reported_as_of_that_code(
    root: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int]
) -> None:
    """A metric is edited while a training is interrupted, which does not start anew for that."""
    point = tiny()
    interrupt(monkeypatch, "log_epoch", point, root)
    path = Ledger(root).folder(point.id) / "checkpoint.pt"
    state = checkpoint.load(path, point.id, torch.device("cpu"))
    before = state["code"] = with_other_metrics(state["code"])
    with path.open("wb") as file:
        checkpoint.save(file, point.id, state)
    trained.clear()
    train([point], root)
    assert trained[0] == 1
    assert Ledger(root).read_record(point.id).code == before


def test_a_run_says_that_another_one_has_changed_its_sweep_meanwhile(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables are then those of the other run."""
    file = write_sweep(tmp_path, grid(lr=[0.1, 0.2]))
    (tmp_path / "edited").mkdir()
    edited = write_sweep(tmp_path / "edited", grid(lr=[0.2, 0.3]))
    train_missing = driver.train_missing

    def change(run: Any, *rest: Any) -> Any:
        trained = train_missing(run, *rest)
        write_sweep_json(run.ledger.store, read_sweep(Path(edited)), edited)
        return trained

    with monkeypatch.context() as patch:
        patch.setattr(driver, "train_missing", change)
        ended = call(file, "--results", root, "--local")
    assert ended.code == 0
    assert "Another run of a sweep 'tiny' has changed it meanwhile" in ended.out
    assert "page lack 1 of 2 points of this run" in ended.out
    assert "Another run" not in call(file, "--results", root, "--local").out
