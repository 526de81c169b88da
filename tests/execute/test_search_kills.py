"""A search of the command line is the same for any number of workers and drivers, and after any kill.

The trainings are simulated, all else is real: processes, claims, records, the log of the search.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from runs import call, ended, other
from simulated import SimulatedExecutor, simulated_command_line

from gensweep.execute import driver, train_missing
from gensweep.execute.limits import Limits
from gensweep.execute.plan import make_plan
from gensweep.execute.resources import Resources
from gensweep.execute.searching import Searcher
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.search_log import SearchInfo, read_search_log
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Pack
from gensweep.sweep.spec import Sweep

SOURCE = """
from gensweep import Confirm, Log, Search, Sweep

SWEEP = Sweep("tiny", search=Search(
    "text_to_text", metric="exact_match", method={method!r}, trials={trials}, rungs=[1, 3], epochs=9,
    confirm=Confirm(best=2, seeds=3), hidden=16, batch_size=[32, 64, 128], name="it", {more}
    optimizer=["adamw", "muon"], lr=Log(1e-4, 1e-1), muon_lr=Log(5e-3, 1e-1)
))
"""
TRIALS = 18
KILLS = 20
WAIT_SECONDS = 300
"""A busy machine may take long to start a process."""


def write(folder: Path, method: str, trials: int = TRIALS) -> list[str]:
    """Write a sweep file and return the command that trains it without Ray."""
    more = "window=4," if method == "tpe" else ""
    path = folder / "tiny.py"
    path.write_text(SOURCE.format(method=method, trials=trials, more=more))
    return [str(path), "--results", str(folder / "results"), "--local"]


def read_log(folder: Path) -> SearchInfo:
    """Return the search as the last run has left it."""
    return read_search_log(Store(folder / "results"), "tiny")["it"]


def summarize(folder: Path) -> dict[str, Any]:
    """Everything that must be the same whatever happened: the log, and what records say."""
    log = read_log(folder)
    ids = [one for trial in log.trials for level in trial.levels for one in level.points]
    ids += [one for confirmed in log.confirmed for one in confirmed.points]
    ledger = Ledger(Store(folder / "results"))
    records = {one: ledger.read_record(one) for one in ids}
    numbers = {one: (record.status, record.metrics) for one, record in records.items()}
    return {"log": log.model_dump(), "records": numbers}


def start(folder: Path, arguments: list[str], workers: int, order: int) -> Any:
    """Return a context in which another process runs the command."""
    run_folder = folder / f"run-{order}"
    run_folder.mkdir(exist_ok=True)
    return other(simulated_command_line, arguments, run_folder, workers, order)


def list_trained(folder: Path) -> list[str]:
    """Return the points in the order in which their records were written, by any process."""
    return [one for log in folder.glob("run-*/trained") for one in log.read_text().split()]


def run(folder: Path, method: str, trials: int = TRIALS, workers: int = 1, order: int = 0) -> None:
    """Run a search to its end, which is 1: some trainings of the simulation fail."""
    folder.mkdir(exist_ok=True)
    with start(folder, write(folder, method, trials), workers, order) as process:
        output = folder / f"run-{order}" / "output"
        assert ended(process, WAIT_SECONDS) in (0, 1), output.read_text()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each method's search with one worker, which nothing disturbs."""
    summaries = {}
    for method in ("random", "tpe"):
        folder = tmp_path_factory.mktemp(method)
        run(folder, method)
        summaries[method] = summarize(folder)
    return summaries


@pytest.mark.slow
@pytest.mark.parametrize("workers", range(2, 9))
def test_any_number_of_workers_gives_the_same_search(
    tmp_path: Path, expected: dict[str, dict[str, Any]], workers: int
) -> None:
    run(tmp_path, "tpe", workers=workers, order=workers)
    assert summarize(tmp_path) == expected["tpe"]
    trained = list_trained(tmp_path)
    assert len(trained) == len(set(trained)) == len(expected["tpe"]["records"])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "tpe"])
def test_two_drivers_at_once_share_a_search(
    tmp_path: Path, expected: dict[str, dict[str, Any]], method: str
) -> None:
    arguments = write(tmp_path, method)
    with start(tmp_path, arguments, 3, 1) as one, start(tmp_path, arguments, 2, 2) as two:
        assert {ended(one, WAIT_SECONDS), ended(two, WAIT_SECONDS)} <= {0, 1}
    assert summarize(tmp_path) == expected[method]
    trained = list_trained(tmp_path)
    assert len(trained) == len(set(trained)), "a point is trained twice"


@pytest.mark.parametrize("name", ["peek", "advance"])
def test_a_trial_that_another_run_ends_before_the_plan_is_made_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    executor = SimulatedExecutor(1, 0, tmp_path / "log")
    monkeypatch.setattr(train_missing, "_load_executor", lambda local: executor)
    monkeypatch.setattr(driver, "_collect", lambda *arguments: "no page")
    ask = getattr(Searcher, name)

    def ask_before_another_run_trains(self: Searcher, **options: Any) -> Sweep:
        sweep = ask(self, **options)
        plan = make_plan(sweep.points(), self._ledger)
        packs = [Pack((point,)) for point in plan.todo]
        root = self._ledger.store.root_uri
        executor.execute(packs, root, Resources(), lambda report: None, Limits())
        return sweep

    monkeypatch.setattr(Searcher, name, ask_before_another_run_trains)
    arguments = write(tmp_path, "random")
    assert call(*arguments).code == 1, "some trainings of the simulation fail"
    monkeypatch.undo()
    plan = json.loads(call(*arguments, "--dry-run", "--json").out)
    assert plan["points_to_train"] == 0, "the search is complete"


@pytest.mark.slow
@pytest.mark.parametrize("drivers", [1, 2])
def test_a_search_is_the_same_after_kills_at_random_moments(
    tmp_path: Path, expected: dict[str, dict[str, Any]], drivers: int
) -> None:
    generator, kills, searches = random.Random(drivers), 0, 0
    folder = tmp_path / "0"
    folder.mkdir()
    while kills < KILLS:
        arguments, order = write(folder, "tpe"), generator.randrange(1 << 30)
        with contextlib.ExitStack() as stack:
            processes = [
                stack.enter_context(start(folder, arguments, generator.randint(1, 8), order + one))
                for one in range(drivers)
            ]
            kill_soon(processes[0], folder / f"run-{order}" / "output", generator)
            # The other one lives on, waits for the claims of the dead one, and ends the search.
            codes = [ended(process, WAIT_SECONDS) for process in processes]
        kills += codes.count(-signal.SIGKILL)
        if -signal.SIGKILL not in codes[-1:]:
            assert summarize(folder) == expected["tpe"]
            searches += 1
            folder = tmp_path / str(searches)
            folder.mkdir()
    run(folder, "tpe")
    assert summarize(folder) == expected["tpe"]


def kill_soon(process: Any, output: Path, generator: random.Random) -> None:
    """Kill a process at a random moment after it has begun to print, if it still runs then."""
    deadline = time.monotonic() + WAIT_SECONDS
    while process.is_alive() and not (output.exists() and output.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.join(generator.uniform(0, 1.5))
    process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_search_of_64_trials_grows_to_128(tmp_path: Path, method: str) -> None:
    run(tmp_path, method, 64, workers=4)
    short = read_log(tmp_path).trials
    run(tmp_path, method, 128, workers=8)
    grown = read_log(tmp_path)
    assert [one.params for one in grown.trials[:64]] == [one.params for one in short]
    assert len(grown.trials) == 128
    run(tmp_path / "alone", method, 128, workers=3)
    assert grown == read_log(tmp_path / "alone")
