"""Searches that cannot be: each is an error that says what would be right."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from runs import call

from gensweep import Confirm, Integer, Log, Search, Uniform
from gensweep.core.errors import SweepError, UnknownNameError
from gensweep.core.registries import MODELS
from gensweep.core.run import Range
from gensweep.core.task import task
from gensweep.sweep.ranges import count_values
from gensweep.sweep.search_arguments import MAX_TRIALS


def make(**changes: Any) -> Search:
    """A search that is right, but for the changes."""
    values: dict[str, Any] = {
        "metric": "exact_match",
        "trials": 9,
        "rungs": [1, 3],
        "confirm": Confirm(best=1, seeds=2),
        "epochs": 9,
        "optimizer": ["adamw", "muon"],
        "lr": Log(1e-4, 1e-2),
    }
    return Search("text_to_text", **(values | changes))


def test_a_search_that_is_right() -> None:
    assert make().levels == [1, 3, 9]


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (1e-2, 1e-4, "reversed; the smaller one comes first: Log(0.0001, 0.01)"),
        (0, 1, "the logarithm of 0 does not exist; start above 0, or use Uniform"),
        (-1, 1, "the logarithm of -1 does not exist"),
        (0.1, 0.1, "both limits are the same"),
        (math.nan, 1, "low is not a finite number"),
        (1e-4, math.inf, "high is not a finite number"),
        ("1e-4", 1, "low is not a finite number"),
        (True, 2, "low is not a finite number"),
        (0.50001, 0.50002, "too close: a search tries numbers of 3 significant digits"),
    ],
)
def test_a_range_that_is_no_range(low: Any, high: Any, message: str) -> None:
    with pytest.raises(SweepError) as error:
        Log(low, high)
    assert message in str(error.value)


def test_other_ranges_that_are_none() -> None:
    for make_range, message in (
        (lambda: Integer(1.5, 3), "1.5 is not a whole number; use Uniform or Log"),  # ty: ignore
        (lambda: Integer(0, 3, log=True), "use Integer without log=True"),
        (lambda: Uniform(-1.7e308, 1.7e308), "too far apart"),
        (lambda: Uniform(3, 1), "reversed"),
    ):
        with pytest.raises(SweepError, match=message):
            make_range()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # --- the space
        ({"lr": 0.001, "optimizer": "adamw"}, "searches nothing: every parameter has one value"),
        ({"lr": []}, "lr has no values"),
        ({"lr": [0.1]}, "one choice, so there is nothing to search; write lr=0.1 to fix it"),
        ({"lr": [0.1, 0.1]}, "lr has 0.1 twice"),
        ({"lr": Log}, "lr=Log has no limits; write them in brackets"),
        ({"lr": Uniform(0, 1)}, "lr"),
        ({"lr": [0.1, -0.1]}, "lr"),
        ({"lr": [0.1, math.nan]}, "lr"),
        ({"lr": [[0.1], [0.2]]}, "is no choice"),
        ({"batch_size": Uniform(8, 64)}, "batch_size is a whole number; write Integer(8, 64)"),
        ({"batch_size": Integer(0, 64)}, "batch_size"),
        ({"learning_rate": Log(1e-4, 1e-2)}, "unknown parameter 'learning_rate'"),
        ({"optimizer": ["adamw", "muonn"]}, "optimizer"),
        ({"optimizer": "adamw", "muon_lr": Log(1e-3, 1)}, "acts only with optimizer=muon"),
        ({"epochs": [3, 9]}, "epochs cannot be searched"),
        ({"epochs": Integer(3, 9)}, "epochs cannot be searched"),
        ({"epochs": 0}, "epochs"),
        ({"seed": 1.5}, "seed 1.5 is not a whole number"),
        ({"until": 3}, "until cannot be set here; rungs= say"),
        ({"pack": 3}, "pack cannot be set here"),
        ({"dataset": "cryptopunks"}, "cannot train on 'cryptopunks'"),
        # --- the arguments
        ({"metric": "exact_mach"}, "did you mean 'validation/exact_match'?"),
        ({"metric": "test/exact_match"}, "the test set must not decide anything"),
        ({"metric": None}, "no metric says which trial is better; write metric="),
        ({"method": "tpee"}, "did you mean 'tpe'?"),
        ({"method": ["tpe"]}, "unknown method"),
        ({"trials": 0}, "trials=0 is not a whole number of 1 or more"),
        ({"trials": 9.5}, "trials=9.5 is not a whole number"),
        ({"trials": True}, "trials=True is not a whole number"),
        ({"trials": MAX_TRIALS + 1}, "trials is too large; the largest is 1,000,000"),
        ({"trials": 8}, "compare 9 trials at a time; trials=8 are too few: use trials=9 or more"),
        ({"rungs": 3}, "rungs=3 is not a list of epochs"),
        ({"rungs": "39"}, "rungs='39' is not a list of epochs"),
        ({"rungs": None}, "rungs=None is not a list of epochs"),
        ({"rungs": [3, 1]}, "rungs=[3, 1] do not increase; write rungs=[1, 3]"),
        ({"rungs": [3, 3]}, "write rungs=[3]"),
        ({"rungs": [0, 3]}, "rungs=0 is not a whole number of 1 or more"),
        ({"rungs": [1, 9]}, "rung 9 is not below epochs=9"),
        ({"rungs": [1, 27]}, "write rungs=[1], or epochs=28 or more"),
        ({"rungs": list(range(1, 9))}, "8 rungs with reduction_factor=3 compare 6,561 trials"),
        ({"reduction_factor": 1}, "reduction_factor=1 is not a whole number of 2 or more"),
        ({"window": 8}, "window=8 does nothing with method='random'"),
        ({"method": "tpe", "window": 0}, "window=0 is not a whole number of 1 or more"),
        ({"seeds": 0}, "at least one seed is needed"),
        ({"seeds": [0, 0]}, "seeds has 0 twice"),
        ({"confirm": 3}, "is neither Confirm(best=..., seeds=...) nor None"),
        ({"confirm": Confirm(best=0)}, "confirm: best=0 is not a whole number"),
        ({"confirm": Confirm(best=2)}, "only 1 of 9 trials are trained for all epochs"),
        ({"confirm": Confirm(best=1, seeds=0)}, "at least one seed is needed"),
        ({"confirm": Confirm(best=1, seeds=[0, 7])}, "seeds 0 are the search's own"),
        ({"split_seed": Integer(0, 9)}, "split_seed cannot be searched"),
    ],
)
def test_a_search_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError) as error:
        make(**changes)
    assert message in str(error.value)
    assert "text_to_text" in str(error.value)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="text_to_text"):
        Search("text_to_txt", trials=3, lr=Log(1e-4, 1e-2))
    with pytest.raises(UnknownNameError, match="unknown dataset 'nonsense'"):
        make(dataset=["arithmetic", "nonsense"])
    with pytest.raises(SweepError, match="search name 'a/b' is not a plain folder name"):
        make(name="a/b")


def test_trials_are_tested_on_one_dataset() -> None:
    with pytest.raises(SweepError, match="dataset cannot be searched: the best trial would be"):
        Search("vae", metric="loss", dataset=["avatars", "cryptopunks"], trials=2, epochs=2)


def test_more_trials_than_there_are_combinations() -> None:
    space = {"lr": 0.001, "optimizer": ["adam", "adamw", "muon"], "batch_size": [32, 64, 128]}
    assert make(**space, trials=9).trials == 9
    with pytest.raises(SweepError, match="there are only 9 combinations of the values"):
        make(**space, trials=10)
    # A parameter that acts with one of the optimizers multiplies that one alone.
    space |= {"muon_lr": [0.01, 0.02], "batch_size": 32}
    with pytest.raises(SweepError, match="there are only 4 combinations"):
        make(**space, trials=9)


def test_values_of_a_range_are_counted() -> None:
    ranges = (Uniform(0.9, 0.99), Log(1e-4, 1e-2), Uniform(-0.99, -0.9), Uniform(0.5, 1.5))
    for one in ranges:
        tried = {one.take(step / 20_000) for step in range(20_001)}
        assert count_values(one) == len(tried)
    assert count_values(Uniform(0, 1)) == math.inf


def test_an_iterator_is_read_once() -> None:
    search = make(rungs=iter([1, 3]), batch_size=iter([32, 64]), seeds=iter([0, 1]))
    changed = search.replace_values({"hidden": 16})
    assert changed.levels == [1, 3, 9]
    assert changed.seeds == [0, 1]
    assert repr(changed.space.dimensions["batch_size"]) == "[32, 64]"


def test_a_task_has_no_rungs() -> None:
    try:

        @task("stubborn", metrics={"score": Range(0, 1, "max")})
        def train(run: Any, *, lr: float = 0.1) -> dict[str, float]:
            return {"score": lr}

        assert Search("stubborn", metric="score", trials=3, lr=Log(0.1, 1)).levels == [10]
        with pytest.raises(SweepError, match="stubborn is a task: its function trains all epochs"):
            Search("stubborn", metric="score", trials=9, rungs=[3], lr=Log(0.1, 1))
    finally:
        del MODELS._entries["stubborn"]


def test_the_command_line_says_so_with_exit_status_2(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    for arguments, message in (
        ("metric='loss', trials=3, lr=Log(0, 1)", "the logarithm of 0 does not exist"),
        ("metric='loss', trails=3, lr=Log(0.1, 1)", "trials"),
        ("metric='loss', trials=2, rungs=[1], epochs=2, lr=Log(0.1, 1)", "use trials=3 or more"),
    ):
        file.write_text(
            "from gensweep import Log, Search, Sweep\n"
            f"SWEEP = Sweep('bad', search=Search('text_to_text', {arguments}))\n"
        )
        called = call(file, "--dry-run")
        assert called.code == 2
        assert message in called.error
        assert str(file.name) in called.error
