"""Code that changed: what a plan says, what is trained again, and what `verify` finds."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from runs import call, files, grid, records, same, t2t, train, write_sweep

from gensweep.core.errors import LostClaimError
from gensweep.execute.comparison import (
    compute_difference,
    compute_differences,
    judge_differences,
)
from gensweep.execute.verify import choose_points
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.report.load import load
from gensweep.report.verified import is_of_today, read_verified, write_verified
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.system.signals import Stopped
from gensweep.train import precision
from gensweep.train.divergence import DivergedError
from gensweep.train.loop import Training

QUIET = ("--local", "--wandb", "disabled")


def rewrite(root: Path, change: Callable[[Record], Record]) -> None:
    """Change every record, under a checksum that fits."""
    for point, record in records(root).items():
        (root / "points" / point / "record.json").write_text(change(record).to_json())


def by_other_code(record: Record) -> Record:
    """Return the record as a gensweep with another training loop would have left it."""
    assert record.code is not None
    return replace(record, code=record.code | {"training": "0" * 12})


def run(sweep: str, root: Path, *arguments: Any) -> str:
    """Run a sweep and return what it printed."""
    called = call(sweep, "--results", root, *QUIET, *arguments)
    assert called.code == 0, called.error
    return called.out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results root with a sweep of two seeds, trained."""
    folder = tmp_path_factory.mktemp("finished")
    run(write_sweep(folder, seeds=2), folder / "results")
    return folder / "results"


@pytest.fixture
def sweep(tmp_path: Path, root: Path, finished: Path) -> str:
    """The same sweep's file, with a copy of its results in this test's root."""
    shutil.copytree(finished, root)
    return write_sweep(tmp_path, seeds=2)


def test_a_record_names_the_code_that_made_it(sweep: str, root: Path) -> None:
    today = compute_fingerprint("text_to_text", "arithmetic")
    assert today is not None
    assert all(record.code == today for record in records(root).values())
    assert set(today["metrics"]) >= {"loss", "exact_match", "char_accuracy"}


def test_a_plan_counts_points_by_other_code(sweep: str, root: Path) -> None:
    assert "by other code" not in run(sweep, root)
    first = min(records(root))
    (root / "points" / first / "record.json").write_text(
        by_other_code(records(root)[first]).to_json()
    )
    for arguments in ((), ("--dry-run",)):
        assert "Trained by other code: 1 of 2 points (training)." in run(sweep, root, *arguments)
    rewrite(root, lambda record: replace(record, code=None))
    message = run(sweep, root, "--dry-run")
    assert "Trained by unknown code: 2 of 2 points." in message


def test_points_of_other_code_are_trained_again_when_requested(
    sweep: str, root: Path, trained: Counter[int], tmp_path: Path
) -> None:
    before = records(root)
    rewrite(root, by_other_code)
    run(sweep, root)
    assert not trained, "nothing is trained again unasked"
    assert "To train: 2 points" in run(sweep, root, "--retrain-changed", "--dry-run")
    run(sweep, root, "--retrain-changed")
    assert trained == {0: 2, 1: 2}
    assert {point: record.metrics for point, record in records(root).items()} == {
        point: record.metrics for point, record in before.items()
    }
    run(sweep, root, "--retrain-changed")
    assert trained == {0: 2, 1: 2}, "they are of today's code now"


def test_an_old_record_stands_until_the_new_one_is_written(root: Path) -> None:
    point = t2t()
    train([point], root)
    ledger, today = Ledger(root), records(root)[point.id]
    with ledger.claim(point.id, driver=_process()) as claim:
        with pytest.raises(LostClaimError):
            ledger.finish(claim, replace(today, status="failed", error="a second attempt"))
        ledger.finish(
            claim, replace(by_other_code(today), status="diverged", metrics={}, error="loss")
        )
    assert records(root)[point.id].status == "diverged", "other code may end otherwise"


def _process() -> Any:
    from gensweep.ledger.claims import Process

    return Process.get_current()


def test_a_checkpoint_of_other_code_is_not_gone_on_from(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int]
) -> None:
    from gensweep.trial import attempt

    point, complete = t2t(), tmp_path / "whole"
    train([point], complete)
    trained.clear()
    today = compute_fingerprint(point.model, "arithmetic")
    assert today is not None
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "compute_fingerprint", lambda *_: today | {"training": "0" * 12})
        run_epoch = Training.run_epoch

        def stop_in_the_second(training: Training) -> dict[str, float]:
            if training.epoch == 1:
                raise KeyboardInterrupt
            return run_epoch(training)

        patch.setattr(Training, "run_epoch", stop_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            train([point], root)
    assert (root / "points" / point.id / "checkpoint.pt").exists()
    trained.clear()
    train([point], root)
    assert trained == {0: 2}, "both epochs are trained by today's code"
    same(root, complete, point)


def test_points_reproduce_and_the_results_say_so(sweep: str, root: Path) -> None:
    called = call("verify", sweep, "--results", root, "--sample", 2, "--epochs", 2)
    assert called.code == 0, called.error
    assert called.out.count("equal: t2t-e1-d1-s") == 2
    assert "2 epochs, on the machine that trained it" in called.out
    entries = read_verified(Store(root), "tiny")
    assert {entry["point"] for entry in entries} == set(records(root))
    assert all(entry["outcome"] == "equal" and entry["epochs"] == 2 for entry in entries)
    rewrite(root, by_other_code)
    assert call("collect", root / "tiny").code == 0
    page = (root / "tiny" / "report.html").read_text()
    assert "Trained by other code than today&#39;s: 2 of 2 points" in page
    assert "2 of 2 sampled points reproduce (2 digit for digit)" in page
    assert (
        "Trained by other code than today's: 2 of 2 points"
        in (root / "tiny/tables/cells.md").read_text()
    )


def test_what_was_found_of_a_point_does_not_outlive_its_record(sweep: str, root: Path) -> None:
    assert call("verify", sweep, "--results", root, "--sample", 2).code == 0
    assert "2 of 2 sampled points reproduce" in load(root / "tiny").code_note
    retrained, _ = records(root)
    rewrite(
        root, lambda record: replace(record, finished="later") if record.id == retrained else record
    )
    assert "1 of 1 sampled point reproduces" in load(root / "tiny").code_note


@pytest.mark.parametrize("reason", ["diverged", "undefined"])
def test_a_difference_that_is_not_finite_is_stored_and_reported(
    sweep: str, root: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "diverged":

        def run_epoch(_: Training) -> dict[str, float]:
            raise DivergedError("train/loss not finite in epoch 1")

        monkeypatch.setattr(Training, "run_epoch", run_epoch)
        message = "0 epochs, train/loss not finite in epoch 1, on"
    else:
        for path in (root / "points").glob("*/history.csv"):
            with path.open() as file:
                rows = [row | {"train/loss": ""} for row in csv.DictReader(file)]
            pd.DataFrame(rows).to_csv(path, index=False)
        message = "1 epoch, train/loss is defined in one training only, on"
    called = call("verify", root / "tiny", "--sample", 1)
    assert called.code == 1, called.error
    assert message in called.out
    (entry,) = read_verified(Store(root), "tiny")
    assert entry["outcome"] == "different"
    assert entry["largest_difference"]["share"] is None


def test_a_history_without_any_of_todays_columns_is_not_compared(sweep: str, root: Path) -> None:
    for path in (root / "points").glob("*/history.csv"):
        path.write_text("epoch,train/former\n1,0.5\n2,0.5\n")
    called = call("verify", sweep, "--results", root)
    assert called.code == 1
    assert called.out.count("its history.csv has none of today's columns") == 2


@pytest.mark.parametrize(
    ("factor", "outcome", "code"), [(1 + 1e-7, "within rounding", 0), (1.5, "different", 1)]
)
def test_numbers_that_moved_are_found(
    sweep: str, root: Path, factor: float, outcome: str, code: int
) -> None:
    for path in (root / "points").glob("*/history.csv"):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["train/loss"] = repr(float(row["train/loss"]) * factor)
        pd.DataFrame(rows).to_csv(path, index=False)
    called = call("verify", root / "tiny", "--sample", 1)
    assert called.code == code, called.error
    share = f"{abs(1 - 1 / factor):.2g}" if factor > 1.1 else f"{1e-7:.2g}"
    assert f"{outcome}: t2t-e1-d1-s" in called.out
    assert f"train/loss differs by {share} of its size" in called.out


def test_what_cannot_be_compared_is_no_success(sweep: str, root: Path) -> None:
    for path in (root / "points").glob("*/history.csv"):
        path.unlink()
    called = call("verify", sweep, "--results", root)
    assert called.code == 1
    assert called.out.count("it has no history.csv") == 2


def test_a_sweep_without_results_is_an_error(tmp_path: Path, root: Path) -> None:
    path = write_sweep(tmp_path)
    assert call("verify", path, "--results", root).code == 2
    run(path, root)
    for folder in (root / "points").iterdir():
        (folder / "record.json").unlink()
    called = call("verify", path, "--results", root)
    assert called.code == 2
    assert "has no finished point to verify" in called.error


def test_a_sample_takes_every_model_in_turn_and_is_spread_over_its_cells() -> None:
    rows = [
        {"id": f"{model}{n}", "model": model, "status": Status.OK}
        for model in "ab"
        for n in range(9)
    ]
    rows[0]["status"] = "failed"
    results: Any = SimpleNamespace(points=pd.DataFrame(rows), models=["a", "b"])
    # The middles of two halves: of a1 to a8 numbers 8 / 4 = 2 and 24 / 4 = 6, of b0 to b8 9 // 4 = 2 and 27 // 4 = 6.
    assert choose_points(results, 4) == ["a3", "a7", "b2", "b6"]
    assert choose_points(results, 1) == ["a5"]
    assert len(choose_points(results, 99)) == 17


def test_a_changed_last_line_of_a_history_contradicts_the_record(sweep: str, root: Path) -> None:
    """One epoch is trained again, so the comparison alone would not reach that line."""
    path = root / "points" / min(records(root)) / "history.csv"
    *others, last = path.read_text().splitlines()
    numbers = last.split(",")
    column = others[0].split(",").index("validation/loss")
    numbers[column] = "0.001"
    path.write_text("\n".join([*others, ",".join(numbers)]) + "\n")
    called = call("verify", sweep, "--results", root)
    assert called.out.count("equal: t2t") == 1
    assert "its history.csv was changed: validation/loss of the last epoch" in called.out


def test_outcomes_before_an_interruption_are_stored(
    sweep: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_epoch, seeds = Training.run_epoch, []

    def stop_in_the_second(training: Training) -> dict[str, float]:
        seeds.append(training.seed)
        if len(seeds) == 2:
            raise Stopped(2)
        return run_epoch(training)

    monkeypatch.setattr(Training, "run_epoch", stop_in_the_second)
    assert call("verify", sweep, "--results", root).code == 130
    (entry,) = read_verified(Store(root), "tiny")
    assert entry["outcome"] == "equal"
    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    assert call("verify", sweep, "--results", root, "--sample", 10**12).code == 0
    assert len(read_verified(Store(root), "tiny")) == 2


def test_outcomes_that_cannot_be_stored_are_printed(
    sweep: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store.write

    def refuse(self: Store, name: str, content: Any) -> None:
        if "verified" in name:
            raise PermissionError(13, "Permission denied", name)
        write(self, name, content)

    monkeypatch.setattr(Store, "write", refuse)
    called = call("verify", sweep, "--results", root, "--sample", 1)
    assert called.code == 0 and "This is not stored in" in called.out
    assert read_verified(Store(root), "tiny") == []


def test_two_calls_at_the_same_time_lose_no_outcome(
    sweep: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket has no locks, so the second call may store all of its outcomes at any moment."""
    write = Store.write
    second = []

    def write_after_the_other_call(self: Store, name: str, content: Any) -> None:
        if "verified" in name and not second:
            second.append("begun")
            assert call("verify", sweep, "--results", root).code == 0
        write(self, name, content)

    monkeypatch.setattr(Store, "write", write_after_the_other_call)
    monkeypatch.setattr(Store, "lock", lambda *_: nullcontext())
    assert call("verify", sweep, "--results", root, "--sample", 1).code == 0
    assert {entry["point"] for entry in read_verified(Store(root), "tiny")} == set(records(root))


def test_a_point_in_training_and_a_model_that_raises_stop_no_other(
    sweep: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of the first point is broken; a run begins to train the second one again."""
    ids = [t2t(seed).id for seed in (0, 1)]

    def fail(training: Training) -> dict[str, float]:
        (root / "points" / ids[1] / "record.json").unlink()
        raise RuntimeError("broken")

    monkeypatch.setattr(Training, "run_epoch", fail)
    monkeypatch.setattr("gensweep.execute.verify.choose_points", lambda *_: ids)
    called = call("verify", sweep, "--results", root)
    assert called.code == 1
    assert f"not compared: {ids[0]}: RuntimeError: broken" in called.out
    assert f"{ids[1]} is not verified: " in called.error


@pytest.mark.parametrize("is_native", [True, False])
def test_a_point_is_trained_again_in_the_precision_that_its_record_names(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, is_native: bool
) -> None:
    """`auto` was another precision on the machine that trained it."""
    with monkeypatch.context() as patch:
        patch.setattr(precision, "has_native_bfloat16", lambda device: is_native)
        run(write_sweep(tmp_path, grid(precision="auto")), root)
    name = "bfloat16" if is_native else "float32"
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda device: not is_native)
    called = call("verify", root / "tiny", "--epochs", 1)
    assert called.code == 0
    assert "equal: " in called.out and f"({name}, " in called.out


def test_verifying_leaves_records_and_histories_alone(sweep: str, root: Path) -> None:
    before = files(root / "points")
    assert call("verify", sweep, "--results", root).code == 0
    assert files(root / "points") == before


def test_rounding_is_judged_by_what_a_number_is() -> None:
    """Half a percent of its size in float32; of 40 examples, two may be judged otherwise: 0.05."""

    def judge(loss: float, accuracy: float) -> str:
        before = {"train/loss": 2.0, "validation/char_accuracy": 0.5}
        now = {"train/loss": 2.0 * (1 - loss), "validation/char_accuracy": 0.5 - accuracy}
        differences = {column: compute_difference(now[column], before[column]) for column in now}
        return judge_differences(differences, 0.005, 2 / 40)

    assert judge(0.0, 0.0) == "equal"
    assert judge(0.004, 0.05) == "within rounding"
    assert judge(0.006, 0.0) == "different"
    assert judge(0.0, 0.075) == "different"


def test_a_halved_share_is_different_however_small_it_is() -> None:
    """Of 1,800 examples 10 were right and now 5 are: three examples more than rounding may flip."""
    difference = compute_difference(5 / 1800, 10 / 1800)
    assert difference.relative == pytest.approx(0.5)
    assert judge_differences({"validation/exact_match": difference}, 0.005, 2 / 1800) == "different"


def test_a_number_that_one_training_lacks_has_moved_without_bound() -> None:
    assert compute_difference(2.0, 1.0).relative == 0.5
    assert compute_difference(math.nan, math.nan).relative == 0.0
    assert compute_difference(3.0, math.nan).relative == math.inf
    for now, before in ((3.0, math.inf), (-math.inf, 3.0), (math.inf, -math.inf)):
        assert compute_difference(now, before).relative == math.inf
        difference = {"train/loss": compute_difference(now, before)}
        assert judge_differences(difference, 0.005, 0.0) == "different"
    assert compute_difference(math.inf, math.inf).relative == 0.0


def test_a_metric_that_is_defined_in_one_training_alone_is_different() -> None:
    now = [
        {"epoch": 1.0, "train/loss": 2.0, "validation/mean_absolute_error": 3.0},
        {"epoch": 2.0, "train/loss": 1.0},
    ]
    before = {
        "epoch": [1.0, 2.0],
        "train/loss": [2.0, 1.0],
        "validation/mean_absolute_error": [math.nan, math.nan],
    }
    differences = compute_differences(now, before)
    assert differences["train/loss"].relative == 0.0
    assert differences["validation/mean_absolute_error"].relative == math.inf


def test_an_entry_has_lapsed_when_a_metric_s_code_has_changed() -> None:
    code = compute_fingerprint("text_to_text", "arithmetic")
    assert code is not None
    entry = {"model": "text_to_text", "dataset": "arithmetic", "code": code}
    assert is_of_today(entry)
    changed = code | {"metrics": code["metrics"] | {"exact_match": "0" * 12}}
    assert not is_of_today(entry | {"code": changed})


def test_damaged_entries_are_left_out(tmp_path: Path) -> None:
    """In the list that earlier versions wrote, and in the points' own files, which come first."""
    entry = {"point": "p", "outcome": "equal", "code": {"metrics": {}}}
    damaged = [
        7,
        entry | {"outcome": ["equal"]},
        entry | {"code": {"metrics": [1]}},
        {"point": "p"},
    ]
    folder = tmp_path / "tiny"
    (folder / "verified").mkdir(parents=True)
    (folder / "verified.json").write_text(json.dumps([*damaged, entry]))
    for index, value in enumerate(damaged):
        (folder / "verified" / f"{index}.json").write_text(json.dumps(value))
    assert read_verified(Store(tmp_path), "tiny") == [entry]
    later = entry | {"outcome": "different"}
    write_verified(Store(tmp_path), "tiny", later)
    assert read_verified(Store(tmp_path), "tiny") == [later]
