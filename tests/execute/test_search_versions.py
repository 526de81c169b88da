"""A search that goes on with another Optuna, or with other code, says so wherever it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from runs import Called, call
from simulated import SimulatedExecutor

from gensweep.execute import driver, train_missing
from gensweep.ledger.search_log import SearchInfo, read_search_log
from gensweep.ledger.stores import Store
from gensweep.report.tables.search import describe_search

SOURCE = """
from gensweep import Log, Search, Sweep

SWEEP = Sweep("tiny", search=Search(
    "text_to_text", metric="exact_match", method="tpe", trials={trials}, window=2, epochs=2,
    hidden=16, lr=Log(1e-4, 1e-1), name="it", confirm=None
))
"""
CODE = {"training": "one", "data": "one", "metrics": {"exact_match": "one"}}


@pytest.fixture
def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedExecutor:
    """What trains in the place of this process."""
    simulated = SimulatedExecutor(2, 0, tmp_path / "trained", CODE)
    monkeypatch.setattr(train_missing, "_load_executor", lambda local: simulated)
    monkeypatch.setattr(driver, "_collect", lambda *arguments: "no page")
    return simulated


def run(folder: Path, trials: int) -> Called:
    """Search, with so many trials."""
    (folder / "tiny.py").write_text(SOURCE.format(trials=trials))
    return call(folder / "tiny.py", "--results", folder / "results", "--local")


def verify(folder: Path) -> Called:
    """Derive the trials anew."""
    return call("search", "verify", folder / "tiny.py", "--results", folder / "results")


def read_log(folder: Path) -> SearchInfo:
    """Return the search as the last run has left it."""
    return read_search_log(Store(folder / "results"), "tiny")["it"]


def test_another_version_of_optuna_is_named(
    tmp_path: Path, executor: SimulatedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = f"optuna {optuna.__version__}"
    first = run(tmp_path, 4)
    assert "chose some of the trials" not in first.out
    earlier = read_log(tmp_path).trials
    monkeypatch.setattr(optuna, "__version__", "5.99.0")
    second = run(tmp_path, 8)
    line = f"{before} chose some of the trials, but optuna 5.99.0 is installed"
    assert line in second.out
    log = read_log(tmp_path)
    assert log.trials[:4] == earlier
    assert [trial.sampler for trial in log.trials] == [before] * 4 + ["optuna 5.99.0"] * 4
    assert (
        f"{before} chose some of the trials, but optuna 5.99.0 is installed" in verify(tmp_path).out
    )
    sentences = " ".join(describe_search(log))
    assert f"Values by method tpe ({before}, then optuna 5.99.0)" in sentences
    assert "Trials were chosen by different versions, so the search is a mixture." in sentences


@pytest.mark.parametrize("part", ["training", "data", "metrics"])
def test_trials_of_other_code_are_named(
    tmp_path: Path, executor: SimulatedExecutor, part: str
) -> None:
    first = run(tmp_path, 4)
    assert "versions of the code" not in first.out
    changed: Any = {"exact_match": "two"} if part == "metrics" else "two"
    executor.code = CODE | {part: changed}
    second = run(tmp_path, 8)
    assert "2 versions of the code trained its trials" in second.out
    log = read_log(tmp_path)
    assert len(log.list_codes()) == 2
    levels = [trial.levels[0] for trial in log.trials]
    assert all(len(level.codes) == (level.value is not None) for level in levels)
    assert "2 versions of the code trained the trials" in " ".join(describe_search(log))
    assert "were trained by other code than today's" in verify(tmp_path).out


def test_a_metric_that_decides_nothing_is_no_other_code(
    tmp_path: Path, executor: SimulatedExecutor
) -> None:
    run(tmp_path, 4)
    executor.code = CODE | {"metrics": {"exact_match": "one", "edit_distance": "two"}}
    assert "versions of the code" not in run(tmp_path, 6).out
