"""`evaluate` for all points of a sweep."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import call, grid, write_sweep

from gensweep.inspect import evaluate_sweep
from gensweep.inspect.evaluate import evaluate
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.stores import Store
from gensweep.train.loop import Training


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sweep `tiny` of two seeds, and its results."""
    folder = tmp_path_factory.mktemp("evaluate")
    file = write_sweep(folder, grid(epochs=1), seeds=2)
    options = ("--results", folder / "results", "--local", "--wandb", "disabled")
    assert call(file, *options).code == 0
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def remove_metric(root: Path, point_id: str, metric: str) -> float:
    """Make a point one of before a metric existed; returns its value."""
    ledger = Ledger(root)
    record = ledger.read_record(point_id)
    metrics = dict(record.metrics)
    value = metrics.pop(metric)
    with ledger.claim(point_id, Process.get_current()) as claim:
        ledger.finish(claim, replace(record, metrics=metrics))
    return value


def list_ids(root: Path) -> list[str]:
    return sorted(path.parent.name for path in (root / "points").glob("*/record.json"))


@pytest.mark.parametrize("name", ["tiny", "{folder}/results/tiny", "{folder}/tiny.py"])
def test_a_sweep_is_named_as_for_collect(copied: Path, name: str) -> None:
    root = copied / "results"
    one, other = list_ids(root)
    value = remove_metric(root, one, "test/char_accuracy")
    (root / "points" / other / "weights.pt").unlink()
    ended = call("evaluate", name.format(folder=copied), "--results", root)
    assert ended.code == 0, ended.error
    lines = ended.out.splitlines()
    assert f"{one}: added test/char_accuracy" in lines
    assert any(line.startswith(f"without weights: {other}") for line in lines)
    assert "Tested 1 of 2 points; 1 without weights, 0 failed." in lines
    assert Ledger(root).read_record(one).metrics["test/char_accuracy"] == pytest.approx(value)


def test_a_point_with_other_numbers_does_not_stop_the_others(copied: Path) -> None:
    root = copied / "results"
    one, other = list_ids(root)
    shutil.copy(root / "points" / other / "weights.pt", root / "points" / one / "weights.pt")
    ended = call("evaluate", "tiny", "--results", root)
    assert ended.code == 1
    assert f"{one}: not tested: " in ended.out
    assert f"{other}: as recorded, nothing to add" in ended.out.splitlines()
    assert "Tested 1 of 2 points; 0 without weights, 1 failed." in ended.out


def test_a_checkpoint_outlives_a_test(copied: Path) -> None:
    root = copied / "results"
    one, _ = list_ids(root)
    remove_metric(root, one, "test/char_accuracy")
    checkpoint = root / "points" / one / "checkpoint.pt"
    checkpoint.write_bytes(b"for more epochs")
    assert call("evaluate", one, "--results", root).code == 0
    assert "test/char_accuracy" in Ledger(root).read_record(one).metrics
    assert checkpoint.exists()


def test_a_sweep_without_weights_is_an_error(copied: Path) -> None:
    root = copied / "results"
    for name in list_ids(root):
        (root / "points" / name / "weights.pt").unlink()
    ended = call("evaluate", "tiny", "--results", root)
    assert ended.code == 2
    assert "no point can be tested: " in ended.error


def test_an_error_of_one_test_does_not_stop_the_others(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = list_ids(copied / "results")

    def fail_for_one(trained: Any, digits: str | None) -> dict[str, Any]:
        if trained.point.id == one:
            raise ZeroDivisionError("of a metric")
        return evaluate(trained, digits)

    monkeypatch.setattr(evaluate_sweep, "evaluate", fail_for_one)
    ended = call("evaluate", "tiny", "--results", copied / "results")
    assert ended.code == 1
    lines = " ".join(ended.out.split())
    assert f"{one}: not tested: ZeroDivisionError: of a metric" in lines
    assert f"{other}: as recorded, nothing to add" in lines


def test_a_point_is_still_one_point(copied: Path) -> None:
    root = copied / "results"
    result = json.loads(call("evaluate", list_ids(root)[0], "--results", root).out)
    assert result["added"] == []
    unknown = call("evaluate", "tinny", "--results", root)
    assert unknown.code == 2 and "'tinny'" in unknown.error


def test_a_record_that_was_replaced_during_the_test_stays(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with --retrain-changed may end while an earlier record's metrics are computed."""
    root = copied / "results"
    one, _ = list_ids(root)
    remove_metric(root, one, "test/char_accuracy")
    test = Training.test

    def train_again_meanwhile(training: Training) -> dict[str, float]:
        metrics = test(training)
        ledger = Ledger(Store(root))
        record = ledger.read_record(one)
        with ledger.claim(one, Process.get_current()) as claim:
            ledger.finish(claim, replace(record, metrics={"test/loss": 9.0}))
        return metrics

    monkeypatch.setattr(Training, "test", train_again_meanwhile)
    ended = call("evaluate", one, "--results", root)
    assert ended.code == 2
    assert f"{one} was trained or tested again meanwhile; nothing was changed" in ended.error
    assert Ledger(Store(root)).read_record(one).metrics == {"test/loss": 9.0}
