"""Runs without Ray: what is trained, what is not, and what is left after every kind of end."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import (
    TINY,
    TINY_PICTURES,
    call,
    files,
    grid,
    records,
    same,
    t2t,
    train,
    write_sweep,
)  # fmt: skip

from gensweep import load
from gensweep.cluster.ray_address import check_temp_folder
from gensweep.core.errors import UserError
from gensweep.data.arithmetic import Arithmetic
from gensweep.execute.trial_setup import freeze_imports, unfreeze_imports
from gensweep.ledger import claims
from gensweep.ledger.claims import Process
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Point
from gensweep.system import processes, storage
from gensweep.train.loop import Training
from gensweep.trainables import train_text_to_text
from gensweep.trial.course import CourseAttempt


def run(file: str, root: Path, *options: Any) -> Any:
    return call(file, "--results", root, "--local", *options)


# --- the ledger at work


def test_a_run_leaves_every_file_and_another_does_nothing(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    file = write_sweep(tmp_path, grid(), grid("cae"), seeds=2)
    first = run(file, root)
    assert (first.code, first.error) == (0, "")
    assert "0 of 4 points done, 4 missing; training 4 in 4 trials." in first.out
    assert trained == {0: 4, 1: 4}
    ids = {
        Point.make(*point).id
        for seed in (0, 1)
        for point in (("text_to_text", TINY, seed), ("cae", TINY_PICTURES, seed))
    }
    assert set(records(root)) == ids
    for point_id, record in records(root).items():
        assert (record.status, record.epochs, record.error) == (Status.OK, 2, None)
        assert record.metrics.keys() >= {"test/loss"}
        folder = root / "points" / point_id
        mine = {"answers.csv"} if point_id.startswith("t2t") else set()
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == mine | {
            ".lock", "history.csv", "record.json", "samples.png", "weights.pt",
            "samples/epoch-0001.png", "samples/epoch-0002.png",
        }  # fmt: skip
        assert len((folder / "history.csv").read_text().splitlines()) == 3
        assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert load(root / "tiny").counts == {"ok": 4, "diverged": 0, "failed": 0, "missing": 0}
    before = files(root / "points")
    again = run(file, root)
    assert (again.code, again.error) == (0, "")
    assert "Nothing to do: 4 of 4 points done." in again.out
    assert files(root / "points") == before
    assert sum(trained.values()) == 8


def test_the_same_point_gives_the_same_numbers(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train([t2t()], tmp_path / name)
    same(tmp_path / "a", tmp_path / "b", t2t())
    train([t2t(1)], tmp_path / "b")
    one, other = (records(tmp_path / "b")[t2t(seed).id] for seed in (0, 1))
    assert one.metrics != other.metrics, "a seed makes a difference"


def test_a_wider_grid_trains_only_what_is_new(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    assert run(write_sweep(tmp_path, grid(hidden=[4, 8])), root).code == 0
    before = files(root / "points")
    wider = run(write_sweep(tmp_path, grid(hidden=[4, 8, 16]), seeds=2), root)
    assert "2 of 6 points done, 4 missing; training 4" in wider.out
    assert trained == {0: 2 * 3, 1: 2 * 3}
    assert before.items() <= files(root / "points").items()


def test_a_point_of_two_sweeps_is_trained_once(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    one = write_sweep(tmp_path, grid(hidden=[4, 8]), name="one")
    other = write_sweep(tmp_path, grid(hidden=[8, 16]), name="other")
    assert run(one, root).code == 0
    assert "1 of 2 points done, 1 missing; training 1" in run(other, root).out
    assert sum(trained.values()) == 2 * 3
    shutil.rmtree(root / "one")
    assert call("collect", root / "other").code == 0
    assert load(root / "other").counts["ok"] == 2
    assert "Nothing to do: 2 of 2" in run(one, root).out, (
        "and the points outlive the sweep's folder"
    )


def test_a_trainable_is_a_plain_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reports: list[dict[str, Any]] = []
    train_text_to_text(TINY | {"seed": 1, "threads": 1}, report=reports.append)
    assert not files(tmp_path), "without `results` nothing is kept"
    train_text_to_text(TINY | {"seed": 1, "results": str(tmp_path)}, report=[].append)
    (record,) = records(tmp_path).values()
    assert (record.id, record.status) == (t2t(1).id, Status.OK)
    assert [(report["epoch"], report["epochs"]) for report in reports] == [(1, 2), (2, 2)]
    assert all(report.keys() >= {"train/loss", "validation/loss"} for report in reports)
    assert "status" not in reports[0], "the test is in the report of the last epoch"
    assert (reports[-1]["status"], reports[-1]["point"]) == (Status.OK, record.id)
    assert record.metrics.items() <= reports[-1].items()


def test_the_last_report_of_a_trainable_comes_when_its_record_is_written(root: Path) -> None:
    """A scheduler that has seen its last epoch ends the trial within that report."""

    def stop(report: dict[str, Any]) -> None:
        if report["epoch"] == report["epochs"]:
            raise SystemExit

    with pytest.raises(SystemExit):
        train_text_to_text(TINY | {"results": str(root)}, report=stop)
    (record,) = records(root).values()
    assert (record.status, record.epochs) == (Status.OK, 2)


def test_a_trainable_that_goes_on_reports_every_epoch_and_trains_what_is_missing(
    root: Path, tmp_path: Path, trained: Counter[int]
) -> None:
    """As if it had never been stopped: Tune counts the reports of a trial."""
    config = TINY | {"epochs": 3}
    straight: list[dict[str, Any]] = []
    train_text_to_text(config | {"results": str(tmp_path / "straight")}, report=straight.append)

    def stop(report: dict[str, Any]) -> None:
        if report["epoch"] == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        train_text_to_text(config | {"results": str(root)}, report=stop)
    trained.clear()
    for epochs_trained in (1, 0):  # goes on after the second epoch; then all is there
        reports: list[dict[str, Any]] = []
        train_text_to_text(config | {"results": str(root)}, report=reports.append)
        assert sum(trained.values()) == epochs_trained
        trained.clear()
        assert [without_time(report) for report in reports] == [
            without_time(report) for report in straight
        ]


def test_a_trainable_waits_for_the_claim_of_an_attempt_on_another_host(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host cannot be asked whether the attempt is dead, but its claim expires."""
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 2.0)
    remote = Process("elsewhere", "boot", 1, "1")
    holder = claims.Holder("attempt", remote, remote, time.time())
    Store(root).write_json(f"points/{t2t(1).id}/claim.json", asdict(holder))
    reports: list[dict[str, Any]] = []
    train_text_to_text(TINY | {"seed": 1, "results": str(root)}, report=reports.append)
    assert reports[-1]["status"] == Status.OK


def without_time(report: dict[str, Any]) -> dict[str, Any]:
    """A report without the only number that depends on the clock."""
    return {name: value for name, value in report.items() if name != "seconds"}


def test_a_trainable_takes_numpy_scalars(root: Path) -> None:
    """They come from `tune.choice(np.arange(1, 3))`; the point is the one of plain numbers."""
    numbers = {
        "hidden": np.int64(8),
        "train_fraction": np.float64(0.02),
        "epochs": np.array(2),
        "seed": np.int32(1),
    }
    others = {"dataset": np.str_("arithmetic"), "device": np.str_("cpu"), "threads": np.int64(1)}
    train_text_to_text(numbers | others | {"results": np.str_(root)}, report=[].append)
    assert records(root).keys() == {t2t(1).id}


def test_a_trainable_refuses_what_a_sweep_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UserError, match="unknown parameter 'epoch' in text_to_text; did you mean 'epochs'"
    ):
        train_text_to_text({"epoch": 1}, report=print)
    with pytest.raises(UserError, match="epochs=0"):
        train_text_to_text({"epochs": 0}, report=print)
    monkeypatch.delitem(sys.modules, "ray.tune", raising=False)
    with pytest.raises(UserError, match="outside a Tune trial, pass report="):
        train_text_to_text(TINY)


# --- filter, set, seeds


def test_a_filter_limits_the_run_and_not_the_sweep(tmp_path: Path, root: Path) -> None:
    file = write_sweep(tmp_path, grid(hidden=[4, 8, 16]), grid("cae"), seeds=2)
    filtered = run(file, root, "--filter", "hidden=4,8.0", "--filter", "seed=1")
    assert filtered.code == 0, "the points that were asked for are all ok"
    assert {(r.params["hidden"], r.seed) for r in records(root).values()} == {(4, 1), (8, 1)}
    results = load(root / "tiny")
    assert results.counts == {"ok": 2, "diverged": 0, "failed": 0, "missing": 6}
    assert len(results.sweep.cells) == 4


def test_a_filter_by_model_and_by_what_not_every_model_has(tmp_path: Path, root: Path) -> None:
    file = write_sweep(tmp_path, grid(), grid("cae"))
    assert run(file, root, "--filter", "model=cae").code == 0
    assert [record.model for record in records(root).values()] == ["cae"]
    assert "1 of 1 point done" in run(file, root, "--filter", "filters=2").out


def test_the_exit_status_judges_what_the_filter_lets_through(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = fails(tmp_path, monkeypatch, seed=1)
    file = write_sweep(tmp_path, seeds=2)
    assert run(file, root).code == 1
    assert run(file, root, "--filter", "seed=0").code == 0
    assert run(file, root, "--filter", "seed=1").code == 1
    assert marker.exists()


def test_set_and_seeds_change_the_sweep(tmp_path: Path, root: Path) -> None:
    file = write_sweep(tmp_path, grid(), grid("cae"))
    options = ("--set", "hidden=4,6", "--set", "epochs=1", "--set", "lr=1e-2", "--seeds", 2)
    assert run(file, root, *options).code == 0
    result = Counter(
        (r.params.get("hidden"), r.params["epochs"], r.params["lr"], r.seed)
        for r in records(root).values()
    )
    assert result == Counter((hidden, 1, 0.01, seed) for hidden in (4, 6, None) for seed in (0, 1))
    assert load(root / "tiny").sweep.seeds == [0, 1]
    assert "Nothing to do" in run(file, root, *options).out


def test_set_takes_none_and_text(tmp_path: Path, root: Path) -> None:
    file = write_sweep(tmp_path, grid(clip_norm=1.0, epochs=1))
    assert run(file, root, "--set", "clip_norm=none", "--set", "optimizer=adamw").code == 0
    (record,) = records(root).values()
    assert (record.params["clip_norm"], record.params["optimizer"]) == (None, "adamw")


# --- what goes wrong with a point


def fails(folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> Path:
    """Make a seed's points fail for as long as a marker file exists."""
    marker, run_epoch = folder / "marker", Training.run_epoch
    marker.touch()

    def failing(training: Training) -> dict[str, float]:
        if training.seed == seed and training.epoch == 1 and marker.exists():
            raise RuntimeError("no luck\ntoday")
        return run_epoch(training)

    monkeypatch.setattr(Training, "run_epoch", failing)
    return marker


def test_a_failed_point_stops_no_other_and_is_trained_again_when_requested(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = fails(tmp_path, monkeypatch, seed=0)
    file = write_sweep(tmp_path, seeds=3)
    first = run(file, root)
    assert first.code == 1
    assert [record.status for record in records(root).values()] == [
        Status.FAILED,
        Status.OK,
        Status.OK,
    ]
    reason = records(root)[t2t().id].error or ""
    assert reason.startswith("RuntimeError: no luck today")
    assert f"failed: {t2t().id} (seed=0): {reason}" in first.out
    assert "--retry-failed trains failed points again." in first.out
    assert "RuntimeError: no luck" in (root / "points" / t2t().id / "error.txt").read_text()

    again = run(file, root)
    assert again.code == 1
    assert "Nothing to do: 2 of 3 points done, 1 failed." in again.out
    assert run(file, root, "--retry-failed").code == 1

    marker.unlink()
    retried = run(file, root, "--retry-failed")
    assert retried.code == 0
    assert "2 of 3 points done, 1 failed; training 1 in 1 trial." in retried.out
    assert {record.status for record in records(root).values()} == {Status.OK}
    train([t2t()], tmp_path / "plain")
    same(root, tmp_path / "plain", t2t())


def test_data_that_cannot_be_made_fail_their_points_only(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Arithmetic.prepare

    def failing(data: Arithmetic) -> Any:
        if data.split_seed:
            raise MemoryError("too large")
        return prepare(data)

    monkeypatch.setattr(Arithmetic, "prepare", failing)
    ended = run(write_sweep(tmp_path, grid(split_seed=[0, 1])), root)
    assert ended.code == 1
    assert {r.params["split_seed"]: (r.status, (r.error or "")[:22]) for r in records(root).values()} == {
        0: (Status.OK, ""), 1: (Status.FAILED, "MemoryError: too large"),
    }  # fmt: skip


def test_a_diverged_point_is_an_outcome_of_its_own(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    file = write_sweep(tmp_path, grid(lr=[1e-3, 1e38]))
    ended = run(file, root)
    assert ended.code == 1
    assert {r.params["lr"]: r.status for r in records(root).values()} == {
        1e-3: Status.OK,
        1e38: Status.DIVERGED,
    }
    (diverged,) = [record for record in records(root).values() if record.status == Status.DIVERGED]
    assert "not finite in epoch 1" in (diverged.error or "")
    assert f"diverged: {diverged.id} (" in ended.out and f"): {diverged.error}" in ended.out
    before = trained.copy()
    assert run(file, root, "--retry-failed").code == 1
    assert trained == before, "it would diverge again"


def refusing(
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    folder: str | Path,
    names: Sequence[str] = (),
    after: str = "",
) -> None:
    """Let the file system refuse some files.

    Args:
        number: why, an errno.
        folder: a part of the path of their folder.
        names: which; all, if none is named.
        after: none before a file of this name was written.
    """
    create, has_come = storage._create_beside, [not after]

    def failing(path: Path) -> tuple[int, str]:
        if has_come[0] and str(folder) in str(path.parent) and (not names or path.name in names):
            raise OSError(number, os.strerror(number), str(path))
        has_come[0] = has_come[0] or path.name == after
        return create(path)

    monkeypatch.setattr(storage, "_create_beside", failing)


REFUSALS = [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES]


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.slow
def test_a_root_that_stops_working_ends_the_run_and_no_point_is_to_blame(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int], number: int
) -> None:
    file = write_sweep(tmp_path, seeds=3)
    monkeypatch.setattr(sys, "argv", ["gensweep", file, "--results", str(root), "--local"])
    with monkeypatch.context() as patch:
        refusing(patch, number, root, after="checkpoint.pt")
        ended = run(file, root)
    assert ended.code == 1
    *_, line = ended.error.splitlines()
    assert line.startswith(f"error: {root}/")
    assert (
        f"{os.strerror(number)}; finished work is saved. To continue: python -m gensweep {file} "
        in line
    )
    assert ended.out.count("no record written") == 1, (
        "one point finds out; the others do not wait for it in turn"
    )
    assert not records(root) and trained == {0: 2}
    assert run(file, root).code == 0
    assert trained == {0: 3, 1: 2, 2: 2}, "the first epoch was kept"


@pytest.mark.parametrize(
    "name", ["checkpoint.pt", "samples.png", "weights.pt", "history.csv", "record.json"]
)
@pytest.mark.slow
def test_a_disk_too_full_for_a_file_ends_the_run(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Another point's files may be smaller, and the next one's not: nobody can tell by a small file."""
    assert run(write_sweep(tmp_path), root).code == 0
    before = files(root / "points")
    with monkeypatch.context() as patch:
        refusing(patch, errno.ENOSPC, t2t(1).id, [name])
        ended = run(write_sweep(tmp_path, seeds=3), root)
    assert ended.code == 1
    assert list(records(root)) == [t2t(0).id]
    assert (
        f"error: {root}/points/{t2t(1).id}/{name}: No space left on device; finished work is saved"
        in ended.error
    )
    assert "Traceback" not in ended.out + ended.error
    assert before.items() <= files(root / "points").items(), "older points are whole"
    assert run(write_sweep(tmp_path, seeds=3), root).code == 0


@pytest.mark.parametrize(
    "names", [(), ("record.json",), ("checkpoint.pt", "record.json", "error.txt")]
)
@pytest.mark.slow
def test_a_folder_of_a_point_that_refuses_costs_that_point_alone(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    with monkeypatch.context() as patch:
        refusing(patch, errno.EACCES, t2t(1).id, names)
        ended = run(write_sweep(tmp_path, seeds=3), root)
        assert ended.code == 1
        assert set(records(root)) == {t2t(0).id, t2t(2).id}
        (line,) = [
            line for line in ended.out.splitlines() if t2t(1).id in line and " failed" in line
        ]
        assert "Permission denied" in line
        assert line.endswith("; no record written")
        assert f"missing: {t2t(1).id}" in ended.out
        assert "Traceback" not in ended.out + ended.error
    assert run(write_sweep(tmp_path, seeds=3), root).code == 0


@pytest.mark.parametrize("number", REFUSALS[:2], ids=errno.errorcode.get)
def test_a_root_that_refuses_the_tables_ends_without_a_traceback(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refusing(monkeypatch, number, "tables")
    ended = run(write_sweep(tmp_path), root)
    assert ended.code == 1
    assert (
        os.strerror(number) in ended.error
        and "finished work is saved. To continue: " in ended.error
    )
    assert [record.status for record in records(root).values()] == [Status.OK]


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_root_that_is_gone_ends_the_run_and_is_not_created_again(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    end_epoch, count = CourseAttempt.end_epoch, Counter[str]()

    def losing(course: CourseAttempt) -> list[dict[str, Any]]:
        count[how] += 1
        if count[how] == 4:
            root.rename(tmp_path / "moved") if how == "moved" else shutil.rmtree(root)
        return end_epoch(course)

    monkeypatch.setattr(CourseAttempt, "end_epoch", losing)
    ended = run(write_sweep(tmp_path, seeds=4), root)
    assert ended.code == 1
    assert (
        f"gone (was {root} moved, or deleted?); finished work is saved. To continue: "
        in ended.error
    )
    assert not root.exists()
    if how == "moved":
        assert list(records(tmp_path / "moved")) == [t2t(0).id]


def test_a_sweeps_folder_that_cannot_be_written_is_reported_before_anything_trains(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int]
) -> None:
    """Another user's, say, who trained some of its points."""
    assert run(write_sweep(tmp_path), root).code == 0
    trained.clear()
    for folder in ("tables", "figures", "points"):
        (root / "tiny" / "figures").mkdir(exist_ok=True)
        shutil.rmtree(root / "points")
        (root / "points").mkdir()
        with monkeypatch.context() as patch:
            refusing(
                patch, errno.EACCES, root / folder if folder == "points" else root / "tiny" / folder
            )
            ended = run(write_sweep(tmp_path), root)
        assert ended.code == 2
        assert (
            f"--results {root} cannot be used: [Errno 13] cannot write a file: Permission denied"
            in ended.error
        )
    assert not trained


def test_a_link_to_nowhere_in_a_points_place_is_named(tmp_path: Path, root: Path) -> None:
    (root / "points").mkdir(parents=True)
    (root / "points" / t2t(0).id).symlink_to("nowhere")
    ended = run(write_sweep(tmp_path, seeds=2), root)
    assert ended.code == 1
    message = f"{root}/points/{t2t(0).id}: should be a folder, but is a link to nowhere, which does not exist"
    assert message in ended.out
    assert list(records(root)) == [t2t(1).id]


@pytest.mark.slow
def test_a_spoiled_record_is_shown_trained_again_and_kept_aside(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    file = write_sweep(tmp_path, seeds=3)
    assert run(file, root).code == 0
    complete = records(root)
    cut, edited = (root / "points" / t2t(seed).id / "record.json" for seed in (0, 1))
    cut.write_bytes(cut.read_bytes()[:100])
    edited.write_text(edited.read_text().replace('"test/loss": 2', '"test/loss": 1'))
    untouched = files(root / "points" / t2t(2).id)
    trained.clear()

    planned = run(file, root, "--dry-run")
    assert "3 points wanted, 1 done, 2 missing" in planned.out
    again = run(file, root)
    assert again.code == 0
    for message in (planned.out, again.out):
        assert (
            f"unreadable record, counted as missing: {cut}: not valid JSON (cut short?)" in message
        )
        assert (
            f"unreadable record, counted as missing: {edited}: changed since it was written"
            in message
        )
    assert trained == {0: 2, 1: 2}
    assert {i: r.metrics for i, r in records(root).items()} == {
        i: r.metrics for i, r in complete.items()
    }
    assert cut.with_name("record.json.unreadable").stat().st_size == 100
    assert files(root / "points" / t2t(2).id) == untouched


def test_a_record_of_a_newer_gensweep_stops_the_run(
    tmp_path: Path, root: Path, trained: Counter[int]
) -> None:
    file = write_sweep(tmp_path, seeds=2)
    newer = root / "points" / t2t().id / "record.json"
    newer.parent.mkdir(parents=True)
    newer.write_text('{"schema": 2}')
    ended = run(file, root)
    assert (ended.code, ended.error) == (
        2, f"error: {newer}: schema 2, this gensweep reads up to 1: upgrade gensweep\n",
    )  # fmt: skip
    assert list(files(root)) == [newer.relative_to(root).as_posix()]
    assert not trained


def test_collections_look_at_imports_once_and_at_what_comes_later_always() -> None:
    unfreeze_imports()
    freeze_imports()
    frozen = gc.get_freeze_count()
    later = [[index] for index in range(100)]
    freeze_imports()
    assert frozen > 10_000 and gc.get_freeze_count() <= frozen and len(later) == 100


def test_what_the_process_itself_excludes_from_collections_stays_so(root: Path) -> None:
    gc.freeze()
    train([], root)
    assert gc.get_freeze_count() > 10_000


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_temporary_folder_that_rays_sockets_cannot_be_in_is_named(name: str) -> None:
    for folder, why in (
        ("tmp/x", "the path is relative"),
        ("/tmp/é", "beyond ASCII"),
        (f"/{'a' * 39}", "longer than 39"),
    ):
        with pytest.raises(
            UserError, match=rf"^{name}={folder}: .*{why}.*set RAY_TMPDIR to a short absolute path"
        ):
            check_temp_folder({name: folder})
    check_temp_folder({name: f"/{'a' * 38}/"})
    check_temp_folder({"RAY_TMPDIR": "/tmp", "TMPDIR": f"/{'a' * 99}"})
