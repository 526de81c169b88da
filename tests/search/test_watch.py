"""The screen of a run shows a search by validation alone."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from searches import METRIC, make_search, reader

from gensweep.execute.progress import Screen
from gensweep.execute.search_progress import SearchWatch
from gensweep.search.replay import Replay
from gensweep.sweep.point import Point
from gensweep.system.terminal import Console
from gensweep.tracking.run_content import describe_run
from gensweep.tracking.settings import Tracking


@pytest.fixture
def replay() -> Replay:
    """A search with nine trials at their first level."""
    replay = Replay(make_search(method="random", trials=9, confirm=None))
    replay.advance(reader({}))
    return replay


def end(point: Point, value: float, status: str = "ok") -> dict[str, Any]:
    """The report of a point that has ended."""
    metrics = {METRIC: value, "test/exact_match": 0.123}
    return {"point": point.id, "status": status, "error": "broken", "seconds": 1.0} | metrics


def test_the_best_so_far_is_of_the_longest_trainings(replay: Replay) -> None:
    replay.trials[4].reach(1)
    watch = SearchWatch([replay])
    first, second = replay.trials[0].levels[0].points[0], replay.trials[1].levels[0].points[0]
    further = replay.trials[4].levels[1].points[0]
    assert watch.describe() == ["Search random: 0 of 9 trials trained now"]
    watch.take(end(first, 0.2))
    watch.take(end(second, 0.1))
    watch.take(end(replay.trials[2].levels[0].points[0], 0.9, "failed"))
    (line,) = watch.describe()
    assert "3 of 9 trials trained now" in line
    assert f"best so far {METRIC} 0.2 after 1 epoch (trial 0)" in line
    watch.take(end(further, 0.05))
    (line,) = watch.describe()
    assert f"best so far {METRIC} 0.05 after 3 epochs (trial 4)" in line


def test_the_test_of_a_trial_is_not_printed(replay: Replay) -> None:
    trial = replay.trials[0].levels[0].points[0]
    other = replace(trial, seed=7)
    out = io.StringIO()
    console = Console(file=out, width=200)
    with Screen(console, 2, 0, watch=SearchWatch([replay])) as screen:
        screen.report(end(trial, 0.25))
        screen.report(end(other, 0.25))
    of_trial, of_other = out.getvalue().splitlines()
    assert "exact_match 0.25" in of_trial and "0.123" not in of_trial
    assert "exact_match 0.123" in of_other


def test_the_trials_of_a_search_are_a_group_in_wandb(replay: Replay, tmp_path: Any) -> None:
    trial = replay.trials[0].levels[0].points[0]
    tracking = Tracking(sweep="recipe", groups={trial.id: "recipe/random"})
    groups = [
        describe_run(point, tracking, tmp_path, "offline")["group"]
        for point in (trial, replace(trial, seed=7))
    ]
    assert groups == ["recipe/random", "recipe"]
