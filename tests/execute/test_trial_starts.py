"""Trials that never start: what is counted, when a run gives up, and what it says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from runs import call, grid, records, write_sweep

from gensweep.execute import local
from gensweep.execute.ray_start_errors import explain_failed_actor
from gensweep.execute.trial_setup import TrialErrors
from gensweep.execute.trial_starts import MAX_FAILED_STARTS, WAIT_SECONDS, TrialStarts

CANCELLED = """ (occurred at 2026-11-30_15-00-00)
The actor died unexpectedly before finishing this task.
\tclass_name: ImplicitFunc
The actor is dead because all references to the actor were removed including lineage ref count.
The actor never ran - it was cancelled before it started running.
"""


def test_trials_that_never_start_are_hopeless_only_while_nothing_runs() -> None:
    starts = TrialStarts()
    starts.add_start(0)
    for pack in range(1, MAX_FAILED_STARTS + 1):
        starts.add_error(pack, f"reason {pack}", is_final=False)
    assert not starts.is_hopeless, "trial 0 is running"
    starts.add_end(0)
    assert starts.is_hopeless
    assert starts.start_error == f"reason {MAX_FAILED_STARTS}"
    starts.add_start(MAX_FAILED_STARTS)
    starts.add_end(MAX_FAILED_STARTS)
    assert not starts.is_hopeless
    assert starts.start_error == f"reason {MAX_FAILED_STARTS - 1}"
    assert not starts.died, "no worker was there to die"


def test_a_worker_that_started_once_is_to_blame_for_its_last_death_alone() -> None:
    starts = TrialStarts()
    for is_final in (False, False, True):
        starts.add_start(3)
        assert starts.running == {3}
        starts.add_error(3, "killed", is_final)
        assert (starts.died == {3: "killed"}) == is_final
    assert (starts.running, starts.start_error, starts.is_hopeless) == (set(), None, False)


def test_a_wait_is_noticed_once_and_again_after_a_trial() -> None:
    now = [0.0]
    starts = TrialStarts(clock=lambda: now[0])
    now[0] = WAIT_SECONDS - 1
    assert not starts.notice_wait()
    now[0] = WAIT_SECONDS
    assert [starts.notice_wait() for _ in range(3)] == [True, False, False]
    starts.add_start(0)
    now[0] *= 10
    assert not starts.notice_wait(), "a trial runs"
    starts.add_end(0)
    assert not starts.notice_wait()
    now[0] += WAIT_SECONDS
    assert starts.notice_wait()


@pytest.mark.parametrize(
    ("error", "phrase"),
    [
        (CANCELLED, "RAY_AUTH_MODE (here: token) and the token must be the same on both sides"),
        ("Traceback\nModuleNotFoundError: No module named 'gensweep'\n", "update that node"),
        ("The actor died.\nThe worker was killed: out of memory.\n", "killed: out of memory."),
        ("\n", "no reason was reported"),
    ],
)
def test_an_actor_that_could_not_start_says_why(
    error: str, phrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    explained = explain_failed_actor(error)
    assert phrase in explained
    assert "\n" not in explained


@pytest.mark.parametrize("start_error", [None, "no worker became ready"])
def test_a_run_that_gives_up_says_why_and_how_to_go_on(
    start_error: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []

    def train_nothing(packs: list[Any], *rest: Any) -> TrialErrors:
        rounds.append(len(packs))
        return TrialErrors(start_error=start_error)

    monkeypatch.setattr(local, "execute", train_nothing)
    root = tmp_path / "results"
    done = call(write_sweep(tmp_path, grid(), seeds=2), "--results", root, "--local")
    assert done.code == 1
    assert not records(root)
    reason = "3 rounds trained nothing: no trial said why"
    if start_error:
        reason = f"Ray could not start a trial: {start_error}"
    assert len(rounds) == (1 if start_error else 3)
    assert f"Stopped early: {reason}" in done.out
    assert "2 points missing" in done.out
    assert "To continue: " in done.out


def test_points_that_others_hold_are_named_when_a_run_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gensweep.trial.reports import build_unrecorded_report

    def train_nothing(packs: list[Any], *rest: Any) -> TrialErrors:
        report = rest[2]
        for pack in packs:
            report(build_unrecorded_report(pack.points[0], ValueError("held by another")))
        return TrialErrors()

    monkeypatch.setattr(local, "execute", train_nothing)
    done = call(write_sweep(tmp_path, grid()), "--results", tmp_path / "r", "--local")
    assert done.code == 1
    assert "Stopped early: 3 rounds trained nothing: held by another; 1 point missing." in done.out


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_tunes_errors_are_counted_with_or_without_a_start(tmp_path: Path) -> None:
    from gensweep.execute.ray_reporter import Reporter
    from gensweep.sweep.point import Pack, Point

    packs = [Pack((Point.make("text_to_text", {"hidden": 4}, seed),)) for seed in range(2)]
    reporter = Reporter(lambda report: None, packs)
    file = tmp_path / "error.txt"
    trials = [SimpleNamespace(config={"pack": pack}, error_file=str(file)) for pack in range(2)]
    file.write_text("Failure # 1 (occurred at noon)\nfirst\nFailure # 2" + CANCELLED)
    reporter.on_trial_start(0, [], trials[0])
    reporter.on_trial_error(0, [], trials[0])
    reporter.on_trial_error(0, [], trials[1])
    assert list(reporter.starts.died) == [0]
    assert "could not call this process back" in (reporter.starts.start_error or "")
