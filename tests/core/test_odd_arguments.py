"""Odd values for every argument of the public constructors: an error that has one of the names."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from odd_values import ODD, Unequal, check, list_odd_values

import gensweep as gs
from gensweep.core.errors import UserError
from gensweep.core.values import is_number, is_plain, show_value
from gensweep.sweep.point import Point

SHARED: dict[str, Any] = {"name": "s", "grids": [gs.Grid("text_to_text", hidden=[16, 32])]}
SEARCH: dict[str, Any] = {
    "metric": "validation/exact_match",
    "trials": 2,
    "confirm": None,
    "lr": gs.Log(1e-4, 1e-2),
}


SWEEP_ARGUMENTS = [
    name for name in inspect.signature(gs.Sweep).parameters if name not in ("self", "others")
]


@pytest.mark.parametrize("argument", SWEEP_ARGUMENTS)
def test_odd_arguments_of_a_sweep(argument: str) -> None:
    check(argument.rstrip("s"), lambda value: gs.Sweep(**(SHARED | {argument: value})))


PARAMETERS = sorted(gs.Grid("text_to_text").cells()[0])


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_odd_parameters_of_a_grid(parameter: str) -> None:
    check(parameter, lambda value: gs.Grid("text_to_text", **{parameter: value}))
    check(parameter, lambda value: gs.Grid("text_to_text", gs.Zip(**{parameter: value})))
    check(parameter, lambda value: Point.make("text_to_text", {parameter: value}, 0))


def test_odd_counts_of_pictures() -> None:
    check("count", lambda value: gs.Grid("vae", count=value))


def test_odd_models_and_points() -> None:
    check("model", gs.Grid)
    check("Zip", lambda value: gs.Grid("text_to_text", value))
    check("param", lambda value: Point.make("text_to_text", value, 0))
    check("seed", lambda value: Point.make("text_to_text", {}, value))


@pytest.mark.parametrize("argument", ["axis", "first", "second", "metric", "model"])
def test_odd_comparisons(argument: str) -> None:
    def ask(value: Any) -> gs.Sweep:
        arguments = {"axis": "hidden", "first": 16, "second": 32, argument: value}
        return gs.Sweep(**SHARED, questions=[gs.Compare(**arguments)])

    check("axis parameter" if argument == "axis" else argument, ask)
    check("question", lambda value: gs.Sweep(**SHARED, questions=[value]))
    check("exact_match", lambda value: gs.Sweep(**SHARED, margin={"exact_match": value}))


@pytest.mark.parametrize("kind", [gs.Uniform, gs.Log, gs.Integer, gs.Range])
def test_odd_limits(kind: type) -> None:
    check("low limits logarithm whole first", lambda value: kind(value, 5))
    check("high limits logarithm whole first", lambda value: kind(1, value))
    check("log", lambda value: gs.Integer(1, 5, value))
    check("direction", lambda value: gs.Range(0, 1, value))
    check("unit", lambda value: gs.Range(0, 1, unit=value))


@pytest.mark.parametrize(
    "argument",
    ["method", "trials", "rungs", "reduction_factor", "seed", "seeds", "confirm", "name"],
)
def test_odd_arguments_of_a_search(argument: str) -> None:
    check(argument[:4], lambda value: gs.Search("text_to_text", **(SEARCH | {argument: value})))
    if argument == "seeds":
        confirmed = SEARCH | {"seeds": 1}
        check(
            "seed",
            lambda value: gs.Search(
                "text_to_text", **(confirmed | {"confirm": gs.Confirm(best=1, seeds=value)})
            ),
        )


METRIC = {"needs": ("answer",), "unit": "fraction", "direction": "max"}
METRIC_ARGUMENTS = [
    name for name in inspect.signature(gs.metric).parameters if name not in ("name",)
]


@pytest.mark.parametrize("argument", METRIC_ARGUMENTS)
def test_odd_arguments_of_a_metric(argument: str) -> None:
    check(argument.rstrip("s"), lambda value: gs.metric("odd", **(METRIC | {argument: value})))


def test_odd_names_are_refused_when_they_are_registered() -> None:
    # Texts would be registered in this process, for the tests that follow.
    for number in ODD:
        value = list_odd_values()[number]
        if isinstance(value, str) and value:
            continue
        for register in (gs.table, gs.figure):
            with pytest.raises(UserError, match=r"name of a (table|figure)"):
                register(value)(lambda results: None)
        with pytest.raises(UserError, match="metric"):
            gs.metric(value, **METRIC)


def test_odd_paths() -> None:
    for value in ("\0", "\ud800", "x" * 300, "", None, 3.5, b"x"):
        with pytest.raises(UserError):
            gs.load(value)  # type: ignore[arg-type]
        with pytest.raises(UserError):
            gs.use(value)  # type: ignore[arg-type]
        with pytest.raises(UserError):
            gs.check(value)  # type: ignore[arg-type]


def test_too_many_seeds_are_refused_at_once() -> None:
    with pytest.raises(UserError, match=r"seeds=10000000000: at most 100,000 seeds"):
        gs.Sweep(**SHARED, seeds=10**10)


def test_values_that_a_record_can_hold() -> None:
    assert is_number(3) and is_number(-0.5)
    assert not any(map(is_number, (True, None, "3", float("inf"), float("nan"), 10**400, 1j)))
    assert is_plain(["a", [1, None]]) and not is_plain({"a": 1}) and not is_plain(10**400)


def test_a_wrong_value_is_shown_whatever_it_is() -> None:
    assert show_value([1]) == "[1]"
    assert show_value(Unequal()) == "a Unequal (its repr raises RuntimeError)"
    assert len(show_value("x" * 10**6)) < 300
    assert "ValueError" in show_value(10**5000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metric,value,source,lr\nexact_match,0.5,x,NaN\n", ":2: lr=NaN is not a finite number"),
        ("metric,value,source,lr\nexact_match,0.5,x,1e999\n", ":2: lr=1e999 is not a finite"),
        ("metric,value,source,n\nexact_match,0.5,x,2.7\n", ":2: n=2.7 is not a whole number"),
        ("metric,metric,value,source\nexact_match,loss,0.5,x\n", "two columns are named 'metric'"),
    ],
)
def test_odd_reference_files(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        gs.Sweep(**SHARED, reference=file)
