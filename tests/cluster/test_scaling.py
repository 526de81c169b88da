"""What the benchmark of scale says of its counts, and the counts that it rests on."""

from __future__ import annotations

from inspect import signature
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import buckets, scaling
from benchmarks.buckets import Asked
from benchmarks.scaling import Driven


def driven(points: int, epochs: int, driver: float, memory: int) -> Driven:
    return Driven(points, epochs, 16, 0.1, driver, (driver, driver), 0.02, memory)


def test_times_of_many_points_follow_from_the_slopes_of_few() -> None:
    """10 ms a point of one epoch, 2 ms an epoch more: 28 ms at ten epochs, so 280 s; 1 MB for 4 points more."""
    runs = [
        driven(100, 1, 0.009, 200_000_000),
        driven(500, 1, 0.010, 300_000_000),
        driven(100, 11, 0.029, 200_000_000),
    ]
    message = scaling.far(runs)
    assert (
        "28.0 ms of the driver a point, of which 2.00 ms a reported epoch: 280 s in all" in message
    )
    assert "half a core where a point takes 45 s" in message, (
        "800 trials: 22.4 s of the driver for a point of each"
    )
    assert "Memory: 2675 MB" in message
    table = scaling.runs_table(runs).splitlines()
    assert [cell.strip() for cell in table[3].split("|")[1:-1]] == [
        "500", "1", "16", "10.0", "10.0 / 10.0", "20.0", "100", "300",
    ]  # fmt: skip


def test_requests_are_stated_in_dollars_and_seconds() -> None:
    """A point of 10 epochs: 20 PUT and 20 GET, $0.000108; a beat $0.000005; 20,000 requests, 32 at once."""
    once, epoch = Asked("a point", {"PUT": 10, "GET": 10}), Asked("an epoch", {"PUT": 1, "GET": 1})
    beat, records = (
        Asked("beat", {"PUT": 1}),
        Asked("records", {"GET": 1000, "HEAD": 1000}, at_once=32),
    )
    message = buckets.far([once, epoch, beat, records])
    assert "10,000 points of 10 epochs: $1.08; heartbeats of 800 trials: $0.96 an hour" in message
    assert "where an epoch takes 0.23 s" in message, "800 PUT, where 3,500 a second are answered"
    assert "waits 19 s" in message
    row = buckets.table([once]).splitlines()[2]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == [
        "10",
        "0",
        "10",
        "0",
        "0",
        "54.0",
        "0.60",
    ]


@pytest.mark.s3
@pytest.mark.filterwarnings("default")
def test_what_is_asked_of_a_bucket(cache: Any) -> None:
    """Docs and prices rest on these; whoever asks more should know."""
    point, epoch, beat, read, again = buckets.measure((60, 160), lambda line: None)
    assert dict(point.requests) == pytest.approx(
        {"PUT": 8.6, "LIST": 1, "GET": 8.6, "HEAD": 14.6, "DELETE": 2}
    )
    assert epoch.requests == pytest.approx({"PUT": 1.4, "GET": 1.4, "HEAD": 1.4}), (
        "sheets at some epochs"
    )
    assert beat.requests == {"PUT": 1, "GET": 1, "HEAD": 1}
    assert read.requests == {"GET": 1000, "HEAD": 1000}, (
        "and one LIST for each thousand, which these are not"
    )
    assert again.requests == {}


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_a_trial_that_keeps_the_books_takes_the_place_of_one() -> None:
    from gensweep.execute import ray_tune

    assert signature(scaling.bookkeeping) == signature(ray_tune._run_trial)


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_a_worker_reads_what_its_trials_share_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from gensweep.execute import ray_tune

    requested: list[str] = []
    monkeypatch.setattr(ray_tune.ray, "get", lambda stored: requested.append(stored) or [stored])
    ray_tune.get_cached.cache_clear()
    assert [ray_tune.get_cached("one"), ray_tune.get_cached("one"), ray_tune.get_cached("two")] == [
        ["one"],
        ["one"],
        ["two"],
    ]
    assert requested == ["one", "two"]
    ray_tune.get_cached.cache_clear()


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_trials_start_in_the_order_of_rays_own_scheduler() -> None:
    """Whatever happens to them: new ones, some that start out of turn, end, or wait again after a worker's death."""
    from ray.tune.schedulers import FIFOScheduler

    from gensweep.execute.limits import Limits
    from gensweep.execute.ray_schedule import InOrder

    random, trials, ours, rays = Random(0), [], InOrder(Limits()), FIFOScheduler()
    controller = SimpleNamespace(get_trials=lambda: trials)

    class Trial:
        status = "none yet"

    def add(trial: Trial) -> None:
        trial.status = "PENDING"
        trials.append(trial)
        ours.on_trial_add(controller, trial)

    chosen = []
    for _ in range(400):
        started = [trial for trial in trials if trial.status == "RUNNING"]
        event = random.choice(["new", "new", "first", "any", "end", "death"])
        if event == "new":
            add(Trial())
        elif event in ("first", "any") and chosen and chosen[-1]:
            waiting = [trial for trial in trials if trial.status == "PENDING"]
            (chosen[-1] if event == "first" else random.choice(waiting)).status = "RUNNING"
        elif started and event == "end":
            random.choice(started).status = random.choice(["TERMINATED", "ERROR"])
        elif started and event == "death":
            trials.remove(again := random.choice(started))
            add(again)
        chosen.append(ours.choose_trial_to_run(controller))
        assert chosen[-1] is rays.choose_trial_to_run(controller), event
    assert len({*chosen}) > 20
