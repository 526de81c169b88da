"""Runs that are killed or stopped at any moment, and two at once: nothing is lost, nothing is trained twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from runs import (
    TINY_PICTURES,
    call,
    command_line,
    ended,
    grid,
    killed_at,
    other,
    records,
    same,
    t2t,
    train,
    wait_for,
    write_sweep,
)  # fmt: skip

from gensweep.ledger.status import Status
from gensweep.sweep.point import Point

# --- killed and resumed


EPOCHS = 3
GAN = Point.make("gan", TINY_PICTURES | {"epochs": EPOCHS}, 0)
WRITTEN = [
    "claim.json",
    *(
        name
        for epoch in range(1, EPOCHS + 1)
        for name in (f"samples/epoch-{epoch:04d}.png", "checkpoint.pt")
    ),
    *("samples.png", "interpolation-linear.png", "interpolation-spherical.png"),
    *("weights.pt", "history.csv", "record.json"),
]
"""What a trial puts into the point's folder, in that order."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the GAN trained without interruption."""
    root = tmp_path_factory.mktemp("whole")
    train([GAN], root)
    return root


LAST = len(WRITTEN)


def left(folder: Path) -> set[str]:
    """The files in a point's folder but the hidden ones."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*") if path.is_file()}


@pytest.mark.parametrize(
    ("number", "after"), [*((number, False) for number in range(1, LAST + 1)), (LAST, True)]
)
@pytest.mark.slow
def test_killed_at_any_moment_a_point_ends_with_the_same_numbers(
    root: Path, uninterrupted: Path, trained: Counter[int], number: int, after: bool
) -> None:
    with other(killed_at, GAN, root, number, after) as process:
        assert ended(process) == -signal.SIGKILL
    folder = root / "points" / GAN.id
    assert left(folder) == set(WRITTEN[: number - 1 + after]), "killed where it was meant to be"
    trained.clear()
    train([GAN], root)
    checkpoints = WRITTEN[: number - 1].count("checkpoint.pt")
    assert sum(trained.values()) == (0 if after else EPOCHS - checkpoints), (
        "it goes on from the last checkpoint"
    )
    same(root, uninterrupted, GAN)
    stored = {*WRITTEN} - {"claim.json", *(["checkpoint.pt"] if not after else [])}
    assert left(folder) == stored, "nothing is left of the attempt that was killed"


@pytest.mark.slow
def test_a_spoiled_checkpoint_starts_the_point_again(
    root: Path, uninterrupted: Path, trained: Counter[int]
) -> None:
    with other(killed_at, GAN, root, LAST - 1, False) as process:
        ended(process)
    checkpoint = root / "points" / GAN.id / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    trained.clear()
    train([GAN], root)
    assert sum(trained.values()) == EPOCHS
    same(root, uninterrupted, GAN)


# --- other processes


@pytest.fixture
def waiting_run(tmp_path: Path, root: Path) -> list[str]:
    """A call that waits in seed 1 after two of four epochs, for as long as `tmp_path / "hold"` exists."""
    (tmp_path / "hold").touch()
    return [write_sweep(tmp_path, grid(epochs=4), seeds=3), "--results", str(root), "--local"]


HOLD = (1, 2)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.slow
def test_kill_9_loses_one_epoch_and_the_next_run_goes_on_at_once(
    tmp_path: Path, root: Path, waiting_run: list[str], trained: Counter[int]
) -> None:
    with other(command_line, waiting_run, tmp_path, HOLD) as process:
        wait_for(tmp_path / "epochs", "seed 1 epoch 3")
        process.kill()
        assert ended(process) == -signal.SIGKILL
    assert (root / "points" / t2t(1, epochs=4).id / "claim.json").exists()
    again = call(*waiting_run)
    assert again.code == 0
    assert "1 of 3 points done, 2 missing; training 2" in again.out
    assert trained == {1: 2, 2: 4}
    train([t2t(seed, epochs=4) for seed in range(3)], tmp_path / "plain")
    for seed in range(3):
        same(root, tmp_path / "plain", t2t(seed, epochs=4))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.slow
def test_a_signal_ends_the_run_and_says_how_to_go_on(
    tmp_path: Path,
    root: Path,
    waiting_run: list[str],
    number: signal.Signals,
    code: int,
    trained: Counter[int],
) -> None:
    with other(command_line, waiting_run, tmp_path, HOLD) as process:
        wait_for(tmp_path / "epochs", "seed 1 epoch 3")
        os.kill(process.pid, number)
        assert ended(process) == code
    message = (tmp_path / "output").read_text()
    command = f"python -m gensweep {' '.join(waiting_run)}"
    assert message.splitlines()[-1] == f"Stopped; finished work is saved. To continue: {command}"
    assert "Traceback" not in message
    assert not (root / "points" / t2t(1, epochs=4).id / "claim.json").exists(), "the point is free"
    assert call(*waiting_run).code == 0
    assert trained == {1: 2, 2: 4}


@pytest.mark.slow
def test_two_runs_at_once_share_the_points(
    tmp_path: Path, root: Path, waiting_run: list[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "hold").touch()
    with other(command_line, waiting_run, one, HOLD) as first:
        wait_for(one / "epochs", "seed 1 epoch 3")
        with other(command_line, waiting_run, two) as second:
            wait_for(two / "output", "Waiting for 1 point in training by process")
            (one / "hold").unlink()
            assert (ended(first), ended(second)) == (0, 0)
    assert lines(one / "epochs") == [
        f"seed {seed} epoch {epoch}" for seed in (0, 1) for epoch in range(1, 5)
    ]
    assert lines(two / "epochs") == [f"seed 2 epoch {epoch}" for epoch in range(1, 5)]
    assert "1 of 3 points done, 2 missing; training 2" in (two / "output").read_text()
    assert {record.status for record in records(root).values()} == {Status.OK}


@pytest.mark.slow
def test_a_run_takes_over_from_one_that_is_killed_while_it_waits(
    tmp_path: Path, root: Path, waiting_run: list[str]
) -> None:
    two = tmp_path / "two"
    two.mkdir()
    with other(command_line, waiting_run, tmp_path, HOLD) as first:
        wait_for(tmp_path / "epochs", "seed 1 epoch 3")
        with other(command_line, waiting_run, two) as second:
            wait_for(two / "output", "Waiting for 1 point")
            first.kill()
            assert ended(second) == 0
    assert lines(two / "epochs")[-2:] == ["seed 1 epoch 3", "seed 1 epoch 4"]
    assert {record.status for record in records(root).values()} == {Status.OK}


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--retry-failed", "--retrain-changed"])
def test_two_runs_that_train_points_again_wait_for_each_other(
    tmp_path: Path, root: Path, waiting_run: list[str], option: str
) -> None:
    """A point with a record has a claim, too, while it is trained again."""
    waiting_run[0] = write_sweep(tmp_path, grid(epochs=4), seeds=2)
    assert call(*waiting_run).code == 0
    for seed in (0, 1):
        old = records(root)[t2t(seed, epochs=4).id]
        changed = replace(old, code={"training": "0" * 12})
        if option == "--retry-failed":
            changed = replace(old, status=Status.FAILED, metrics={}, error="no luck")
        (root / "points" / old.id / "record.json").write_text(changed.to_json())
        # Without the samples of a GAN's size, the old record stays until the new one is there.
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "hold").touch()
    with other(command_line, [*waiting_run, option], one, (1, 0)) as first:
        wait_for(one / "epochs", "seed 1 epoch 1")
        with other(command_line, [*waiting_run, option], two) as second:
            wait_for(two / "output", "Waiting for 1 point in training by process")
            (one / "hold").unlink()
            assert (ended(first), ended(second)) == (0, 0)
    assert not (two / "epochs").exists(), "each point is trained again once"
    assert {record.status for record in records(root).values()} == {Status.OK}


@pytest.mark.slow
def test_a_budget_of_time_ends_the_waiting_for_another_run(
    tmp_path: Path, root: Path, waiting_run: list[str]
) -> None:
    two = tmp_path / "two"
    two.mkdir()
    with other(command_line, waiting_run, tmp_path, HOLD) as first:
        wait_for(tmp_path / "epochs", "seed 1 epoch 3")
        with other(command_line, [*waiting_run, "--time-budget", "6s"], two) as second:
            assert ended(second) == 1
        message = (two / "output").read_text()
        assert "Stopped early: the time budget of 6 s is used up; " in message
        (tmp_path / "hold").unlink()
        assert ended(first) == 0
