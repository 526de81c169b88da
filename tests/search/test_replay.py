"""A search asks for the same trials and confirms the same ones, in whatever order they end."""

from __future__ import annotations

from typing import Any

import pytest
from searches import (
    METRIC,
    Simulation,
    judge_by_id,
    make_record,
    make_search,
    reader,
    score,
    summarize,
)

from gensweep.ledger.records import Record
from gensweep.ledger.search_log import SearchInfo
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.search.halving import get_deciding_level
from gensweep.search.outcomes import Outcomes
from gensweep.search.replay import Replay
from gensweep.search.sampling import choose_values

METHODS = ("random", "sobol", "tpe")
PINNED_RANDOM = {"lr": 0.00433, "optimizer": "muon", "muon_lr": 0.0239, "batch_size": 64}
PINNED_SOBOL = {"lr": 0.000178, "optimizer": "adamw", "batch_size": 32}


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, Any]]:
    """Each method's search with one worker, which nothing disturbs."""
    runs = {}
    for method in METHODS:
        runs[method] = summarize(Simulation(make_search(method=method), judge=judge_by_id).run())
    return runs


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("workers", [2, 3, 8])
def test_any_order_of_completion_gives_the_same_search(
    expected: dict[str, dict[str, Any]], method: str, workers: int
) -> None:
    for order in range(2):
        simulation = Simulation(make_search(method=method), workers, order, judge=judge_by_id)
        assert summarize(simulation.run()) == expected[method]
        assert len(set(simulation.trained)) == len(simulation.trained), "nothing is trained twice"


@pytest.mark.parametrize("keeps_log", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_search_that_is_killed_goes_on_with_the_same_trials(
    expected: dict[str, dict[str, Any]], method: str, keeps_log: bool
) -> None:
    simulation = Simulation(
        make_search(method=method), 4, 1, kills=5, keeps_log=keeps_log, judge=judge_by_id
    )
    assert summarize(simulation.run()) == expected[method]
    assert len(set(simulation.trained)) == len(simulation.trained)


@pytest.mark.parametrize("method", METHODS)
def test_a_search_grows(method: str) -> None:
    # The last block is incomplete at first: 4 of 9 trials, of which one goes on.
    short = Simulation(make_search(method=method, trials=22), 3)
    short_params = [trial.drawn for trial in short.run().trials]
    long = Simulation(make_search(method=method), 5, records=dict(short.records), log=short.log)
    grown = long.run()
    alone = Simulation(make_search(method=method)).run()
    assert [trial.drawn for trial in grown.trials][:22] == short_params
    assert summarize(grown) == summarize(alone), "as if it had been that long from the start"


def test_tpe_learns_from_its_history() -> None:
    replay = Simulation(make_search(trials=54, rungs=[], confirm=None)).run()
    values = [trial.levels[0].value or 0 for trial in replay.trials]
    assert sum(values[-18:]) / 18 > sum(values[:18]) / 18 + 0.05
    other = Simulation(make_search(trials=54, rungs=[], confirm=None, seed=1)).run()
    assert [one.drawn for one in other.trials] != [one.drawn for one in replay.trials]


def test_the_test_set_decides_nothing() -> None:
    replay = Simulation(make_search(method="random")).run()
    best = max(trial.levels[2].value or 0 for trial in replay.trials if len(trial.levels) == 3)
    assert replay.confirmed[0].trial.levels[2].value == best


def test_a_confirmation_has_fresh_seeds_and_trials_are_means_over_theirs() -> None:
    replay = Simulation(make_search(method="random", seeds=2)).run()
    used = {point.seed for trial in replay.trials for one in trial.levels for point in one.points}
    fresh = {point.seed for one in replay.confirmed for point in one.points}
    assert (used, fresh) == ({0, 1}, {2, 3, 4})
    values = [score(point) for point in replay.trials[0].levels[0].points]
    assert replay.trials[0].levels[0].value == pytest.approx(sum(values) / 2)


def test_halving_keeps_one_of_three_in_each_block() -> None:
    replay = Simulation(make_search(method="sobol")).run()
    for start in (0, 9, 18):
        block = replay.trials[start : start + 9]
        assert sorted(len(trial.levels) for trial in block) == [1] * 6 + [2] * 2 + [3]
        first = [trial.levels[0].value or 0 for trial in block]
        went_on = [trial.levels[0].value or 0 for trial in block if len(trial.levels) > 1]
        assert sorted(first)[-3:] == sorted(went_on)
    assert replay.search.count_points() == 27 + 9 + 3 + 2 * 3
    assert len(replay.list_points()) == replay.search.count_points()


def test_trials_without_a_value_stall_nothing() -> None:
    replay = Simulation(make_search(trials=18), 4, judge=lambda point: Status.FAILED).run()
    assert len(replay.trials) == 18
    assert replay.confirmed == []


def test_trials_that_are_given_up_stall_nothing(tmp_path: Any) -> None:
    replay = Replay(make_search(trials=18))
    for _ in range(5):
        ids = {point.id for point in replay.list_points()}
        outcomes = Outcomes(Store(tmp_path), {}, ids)
        replay.advance(lambda points, outcomes=outcomes: outcomes)  # type: ignore[misc]
    assert len(replay.trials) == 18
    assert {trial.levels[-1].status for trial in replay.trials[:16]} == {"missing"}


def test_the_history_of_a_trial_depends_on_numbers_alone() -> None:
    search = make_search()
    assert search.block == 9
    assert get_deciding_level(search, 7, 0) is None
    assert get_deciding_level(search, 8, 0) == 0
    # The block ends with trial 8; its second level counts one block after that.
    assert get_deciding_level(search, 8 + 8 + 9 - 1, 0) == 0
    assert get_deciding_level(search, 8 + 8 + 9, 0) == 1
    assert get_deciding_level(search, 8 + 8 + 18, 0) == 2
    assert get_deciding_level(make_search(rungs=[]), 8, 0) == 0


def test_the_log_stands_when_a_record_changes_later() -> None:
    simulation = Simulation(make_search(), 3)
    replay = simulation.run()
    point = replay.trials[0].levels[0].points[0]
    simulation.records[point.id] = make_record(point, Status.FAILED, 0)
    again = Replay(simulation.search, simulation.log)
    again.advance(reader(simulation.records))
    assert [one.drawn for one in again.trials] == [one.drawn for one in replay.trials]
    assert again.trials[0].levels[0].status == Status.FAILED


@pytest.mark.parametrize("method", METHODS)
def test_values_are_rounded_and_conditions_hold(method: str) -> None:
    for trial in Simulation(make_search(method=method)).run().trials:
        assert ("muon_lr" in trial.drawn) == (trial.drawn["optimizer"] == "muon")
        assert float(f"{trial.drawn['lr']:.3g}") == trial.drawn["lr"]


def test_the_values_of_a_trial_are_pinned() -> None:
    drawn, sampler = choose_values(make_search(method="random"), [], 3)
    assert (drawn, sampler) == (PINNED_RANDOM, "sha256")
    drawn, _ = choose_values(make_search(method="sobol"), [], 3)
    assert drawn == PINNED_SOBOL


def test_a_metric_of_which_less_is_better() -> None:
    replay = Replay(make_search(method="random", metric="loss", rungs=[], confirm=None))
    records: dict[str, Record] = {}
    replay.advance(reader(records))
    for point in replay.list_points():
        records[point.id] = make_record(point, Status.OK, 0)
        records[point.id].metrics["validation/loss"] = score(point)
    replay.advance(reader(records))
    best = replay.measure_progress().best
    assert best is not None
    assert best.levels[0].value == min(one.levels[0].value or 9 for one in replay.trials)


def test_a_log_is_read_back() -> None:
    info = Simulation(make_search(), judge=judge_by_id).run().describe()
    assert SearchInfo.model_validate_json(info.model_dump_json()) == info
    assert info.metric == METRIC
