"""The order of a run, its limits, and the command that is told about it."""

from __future__ import annotations

import io
import itertools
import json
import shlex
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from runs import call, grid, records, write_sweep

from gensweep.core.errors import UserError
from gensweep.execute.limits import Limits, parse_duration
from gensweep.execute.notify import Notifier
from gensweep.execute.order import Order
from gensweep.execute.plan import Plan
from gensweep.ledger.state import State
from gensweep.sweep.point import Point
from gensweep.system.terminal import Console


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("1h30m", 5400), ("90m", 5400), ("45s", 45), ("1.5h", 5400), ("1d", 86400)],
)
def test_durations_are_days_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    assert parse_duration("--time-budget", text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "0s", "2 hours", "-1h", "30m1h", "inf"])
def test_other_durations_are_errors_with_examples(text: str) -> None:
    with pytest.raises(UserError, match="is not a duration such as 2h, 1h30m"):
        parse_duration("--time-budget", text)


def test_a_budget_of_time_is_used_up_when_its_seconds_have_passed() -> None:
    now = [100.0]
    limits = Limits(time_budget=60, clock=lambda: now[0])
    now[0] = 159.9
    assert limits.explain() is None and not limits.is_reached
    now[0] = 160.0
    assert limits.explain() == "the time budget of 60 s is used up" and limits.is_reached


def test_the_last_failure_that_is_allowed_reaches_the_limit() -> None:
    limits = Limits(max_failures=2)
    limits.count_failure()
    assert not limits.is_reached
    limits.count_failure()
    assert limits.explain() == "2 points failed"
    assert not Limits().is_reached


def test_orders_start_the_same_points_in_another_order() -> None:
    points = [
        Point.make("text_to_text", {"hidden": 8, "epochs": epochs}, seed)
        for epochs in (1, 2, 3)
        for seed in (0, 1)
    ]
    starts = {}
    for order in Order:
        plan = Plan(points, State(), points, order=order)
        packs = plan.make_packs()
        starts[order] = [(pack.points[-1].seed, pack.points[-1].params["epochs"]) for pack in packs]
    # Courses share epochs under a constant schedule, so that a seed is one trial here.
    assert sorted(starts[Order.random]) == sorted(starts[Order.longest])
    assert [seed for seed, _ in starts[Order.seeds]] == sorted(
        seed for seed, _ in starts[Order.seeds]
    )


def test_seeds_first_fills_every_cell_once_before_any_twice() -> None:
    points = [
        Point.make("text_to_text", {"hidden": hidden}, seed)
        for hidden in (8, 16, 32)
        for seed in (0, 1)
    ]
    longest = Plan(points, State(), points).make_packs()
    assert [pack.points[0].params["hidden"] for pack in longest] == [32, 32, 16, 16, 8, 8]
    seeds = Plan(points, State(), points, order=Order.seeds).make_packs()
    order = [(pack.points[0].seed, pack.points[0].params["hidden"]) for pack in seeds]
    assert order == [(0, 32), (0, 16), (0, 8), (1, 32), (1, 16), (1, 8)]


def make_listener(folder: Path) -> tuple[str, Path]:
    """Return a command that appends its input to a file, and the file."""
    script, events = folder / "listen.py", folder / "heard.jsonl"
    script.write_text(f"import sys; open({str(events)!r}, 'a').write(sys.stdin.read())")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}", events


def test_a_used_up_budget_leaves_points_missing_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, root = write_sweep(tmp_path, grid(lr=[0.1, 0.2, 0.3])), tmp_path / "results"
    # The clock is read once at the start, and before each of the rounds and points.
    ticks = itertools.count(0, 22)
    slow = partial(Limits, clock=lambda: next(ticks))
    monkeypatch.setattr("gensweep.execute.train_missing.Limits", slow)
    command, events = make_listener(tmp_path)
    options = ["--results", root, "--local", "--time-budget", "80s", "--notify", command]
    ended = call(file, *options)
    assert ended.code == 1
    done = len(records(root))
    assert 0 < done < 3
    assert f"Stopped early: the time budget of 80 s is used up; {3 - done} point" in ended.out
    assert "To continue: " in ended.out
    (event,) = map(json.loads, events.read_text().splitlines())
    assert event["event"] == "end" and event["exit_status"] == 1
    assert event["points"] == {"ok": done, "missing": 3 - done}
    assert event["limit"] == "the time budget of 80 s is used up"
    again = call(file, "--results", root, "--local")
    assert again.code == 0 and len(records(root)) == 3


def test_failures_stop_the_run_and_the_first_one_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **settings: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("gensweep.trial.attempt.Attempt.log_epoch", fail)
    file, root = write_sweep(tmp_path, grid(lr=[0.1, 0.2, 0.3, 0.4])), tmp_path / "results"
    command, events = make_listener(tmp_path)
    ended = call(
        file, "--results", root, "--local", "--stop-after-failures", 2, "--notify", command
    )
    assert ended.code == 1 and len(records(root)) == 2
    assert "Stopped early: 2 points failed; 2 points missing." in ended.out
    first, last = map(json.loads, events.read_text().splitlines())
    assert first["event"] == "failure" and "broken" in first["error"]
    assert last["points"] == {"failed": 2, "missing": 2}


def test_a_command_that_fails_is_a_warning(tmp_path: Path) -> None:
    file, root = write_sweep(tmp_path), tmp_path / "results"
    ended = call(file, "--results", root, "--local", "--notify", "false")
    assert ended.code == 0
    assert "--notify false: exit status 1" in ended.out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("no-such-command", "there is no program 'no-such-command'"),
        ("cat > seen.json", "'>' means nothing here; it runs without a shell"),
        ("'unbalanced", "No closing quotation"),
        ("", "names no command"),
        ("  ", "names no command"),
    ],
)
def test_what_is_no_command_is_an_error_before_anything_starts(
    tmp_path: Path, command: str, says: str
) -> None:
    root = tmp_path / "results"
    ended = call(write_sweep(tmp_path), "--results", root, "--local", "--notify", command)
    assert ended.code == 2 and not root.exists()
    assert f"error: --notify {command!r}"[:15] in ended.error and says in ended.error


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exec <&-; sleep 0.1", ""),
        ("sleep 40 & exit 0", ""),
        (r"printf '\377bad' >&2; sleep 40 & exit 3", "exit status 3: \ufffdbad"),
        ("sleep 40; true", "ended after 1 s without an end"),
    ],
)
def test_whatever_a_command_does_it_is_waited_for_no_longer_than_it_runs(
    script: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gensweep.execute.notify.TIMEOUT_SECONDS", 1.0)
    output = io.StringIO()
    notifier = Notifier(f"sh -c {shlex.quote(script)}", Console(file=output))
    began = time.monotonic()
    notifier.tell_end({})
    assert time.monotonic() - began < 30
    assert says in output.getvalue() and bool(says) == bool(output.getvalue())


@pytest.mark.parametrize(
    "options", [["--time-budget", "soon"], ["--stop-after-failures", 0], ["--order", "best"]]
)
def test_wrong_limits_are_errors_before_anything_starts(tmp_path: Path, options: list) -> None:
    root = tmp_path / "results"
    assert call(write_sweep(tmp_path), "--results", root, "--local", *options).code == 2
    assert not root.exists()


@pytest.mark.ray
def test_on_ray_trials_in_progress_finish_and_no_other_starts(tmp_path: Path) -> None:
    file, root = write_sweep(tmp_path, grid(lr=[0.1, 0.2, 0.3, 0.4])), tmp_path / "results"
    options = ["--ray", "--results", root, "--max-concurrent", 1, "--time-budget", "1s"]
    ended = call(file, *options)
    assert ended.code == 1
    # Ray takes longer than a second to start the first trial.
    assert len(records(root)) < 4
    assert "Stopped early: the time budget of 1 s is used up; " in ended.out
    assert call(file, "--results", root, "--local").code == 0
    assert len(records(root)) == 4
