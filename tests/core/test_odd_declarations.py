"""Odd values for every argument of what a user's file declares, and of points made by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from odd_values import check

import gensweep as gs
from gensweep.core.errors import UserError
from gensweep.core.registry import fill_layer


class Undone(Exception):
    """Undoes what a test has registered."""


def undo(call: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return the call, without a trace of it in the registries."""

    def call_and_undo(value: Any) -> None:
        try:
            with fill_layer("odd", "odd.py"):
                call(value)
                raise Undone
        except Undone:
            pass

    return call_and_undo


def train(run: gs.Run, *, width: int = 3) -> None:
    """Do nothing."""


METRICS = {"score": gs.Range(0, 1, "max")}
TASK: dict[str, Any] = {"name": "odd", "metrics": METRICS}
TASK_ARGUMENTS = list(inspect.signature(gs.task).parameters)


@pytest.mark.parametrize("argument", TASK_ARGUMENTS)
def test_odd_arguments_of_a_task(argument: str) -> None:
    names = {"name": "task", "metrics": "metric"}.get(argument, argument)
    check(names, undo(lambda value: gs.task(**(TASK | {argument: value}))(train)))


def test_odd_functions_and_metrics_of_a_task() -> None:
    check("odd", undo(lambda value: gs.task(**TASK)(value)))
    check("score", undo(lambda value: gs.task("odd", metrics={"score": value})(train)))


@pytest.mark.parametrize("kind", [int, float, str, bool, int | None])
def test_odd_default_values(kind: Any) -> None:
    def declare(value: Any) -> None:
        def function(run: Any, *, width: Any = value) -> None:
            pass

        function.__annotations__["width"] = kind
        gs.task(**TASK)(function)

    check("width", undo(declare))


def test_odd_annotations() -> None:
    def declare(value: Any) -> None:
        def function(run: Any, *, width: Any = 3) -> None:
            pass

        function.__annotations__["width"] = value
        gs.task(**TASK)(function)

    check("width annotation", undo(declare))


PARAM_ARGUMENTS = list(inspect.signature(gs.param).parameters)


@pytest.mark.parametrize("argument", PARAM_ARGUMENTS)
def test_odd_arguments_of_a_parameter(argument: str) -> None:
    def declare(value: Any) -> None:
        declared = gs.param(**({"default": 3} | {argument: value}))

        def function(run: Any, *, width: int = declared) -> None:
            pass

        gs.task(**TASK)(function)
        gs.Grid("odd", width=4)

    check(f"{argument} width", undo(declare))


def test_a_condition_names_another_parameter() -> None:
    def function(run: gs.Run, *, width: int = gs.param(3, when={"wdith": (1,)})) -> None:
        pass

    with pytest.raises(UserError, match=r"`when` of 'width'; did you mean 'width'\?"):
        undo(lambda _: gs.task(**TASK)(function))(None)


def test_a_limit_that_does_not_suit_the_type() -> None:
    def function(run: gs.Run, *, width: int = gs.param(3, ge=0.5)) -> None:
        pass

    with pytest.raises(UserError, match=r"task 'odd': parameter 'width': .*'ge' must be .*integer"):
        undo(lambda _: gs.task(**TASK)(function))(None)


MODEL: dict[str, Any] = {
    "reads": "pictures",
    "default_dataset": "avatars",
    "inputs": ("picture",),
    "outputs": ("loss",),
}
MODEL_ATTRIBUTES = (
    *MODEL, "players", "shown", "dedup_fields", "abbreviation", "numerics", "evaluation_batch",
    "packs", "has_exact_prefixes",
)  # fmt: skip


def make_class(base: type, attributes: dict[str, Any], **parameters: Any) -> type:
    """Return a class with attributes, and with parameters that are whole numbers."""
    annotations = dict.fromkeys(attributes, ClassVar[Any]) | dict.fromkeys(parameters, int)
    content = {"__annotations__": annotations, "__module__": __name__}
    return type("Odd", (base,), content | attributes | parameters)


def add_model(**attributes: Any) -> None:
    """Register a model and make a point of it."""
    config = make_class(gs.Model, MODEL | attributes, epochs=1, batch_size=32)
    gs.model("odd")(config)
    grid = gs.Grid("odd")
    assert gs.Sweep(name="s", grids=[grid]).points()[0].id


@pytest.mark.parametrize("attribute", MODEL_ATTRIBUTES)
def test_odd_attributes_of_a_model(attribute: str) -> None:
    names = f"{attribute} reads" if attribute == "reads" else f"{attribute} dataset"
    check(names, undo(lambda value: add_model(**{attribute: value})))


@pytest.mark.parametrize("attribute", ["kind", "source", "numerics"])
def test_odd_attributes_of_a_dataset(attribute: str) -> None:
    def add(value: Any) -> None:
        attributes = {"kind": "pictures", attribute: value}
        gs.dataset("odd")(make_class(gs.Dataset, attributes))
        if attributes["kind"] == "pictures":
            assert gs.Point.make("vae", {"dataset": "odd"}, 0).id

    check(attribute, undo(add))


def test_odd_default_values_of_models_and_datasets() -> None:
    def add(value: Any) -> None:
        gs.model("odd")(make_class(gs.Model, MODEL, epochs=1, batch_size=32, width=value))

    check("width", undo(add))
    check("rows", undo(lambda value: gs.dataset("odd")(make_class(gs.Dataset, {"kind": "a"}, rows=value))))  # fmt: skip


@pytest.mark.parametrize("declare", [gs.model, gs.dataset, gs.table, gs.figure])
def test_odd_names_and_things(declare: Callable[[Any], Any]) -> None:
    kind = declare.__name__.removeprefix("register_")
    # A class or a function that can be called is right for a table or figure.
    check(kind, undo(lambda value: declare(value)(len)))
    check("odd", undo(lambda value: declare("odd")(value)))


def test_odd_functions_of_a_metric() -> None:
    declare = gs.metric("odd", needs=("answer",), unit="", direction="max")
    check("odd", undo(declare))


@pytest.mark.parametrize("name", [" ", "a\nb", "x" * 101, "a\0"])
def test_names_that_no_file_and_no_table_can_have(name: str) -> None:
    for declare in (gs.table, gs.figure):
        with pytest.raises(UserError, match="should be a printable text of at most 100 characters"):
            undo(declare(name))(len)


@pytest.mark.parametrize("argument", ["low", "high", "direction", "unit", "description"])
def test_odd_arguments_of_a_range(argument: str) -> None:
    check(argument, lambda value: gs.Range(**{argument: value}))


POINT: dict[str, Any] = {
    "model": "text_to_text",
    "params": gs.Point.make("text_to_text", {}, 0).params,
    "seed": 0,
}


def use_point(**values: Any) -> None:
    """Make a point by hand and ask it for all it knows."""
    point = gs.Point(**(POINT | values))
    assert point.id and point.cell and point.data_key and point.pack_key and point.course_key
    assert point.with_seed(3).last_epoch == point.last_epoch
    point.model_config()
    point.data_config()


@pytest.mark.parametrize("argument", ["model", "params", "seed", "varied"])
def test_odd_arguments_of_a_point(argument: str) -> None:
    check(f"{argument} dataset", lambda value: use_point(**{argument: value}))


@pytest.mark.parametrize("parameter", sorted(POINT["params"]))
def test_odd_parameters_of_a_point(parameter: str) -> None:
    check(parameter, lambda value: use_point(params=POINT["params"] | {parameter: value}))


def test_odd_seeds_of_other_points_of_a_cell() -> None:
    point = gs.Point(**POINT)
    check("seed", lambda value: point.with_seed(value))
    check("vary parameter", lambda value: point.with_seed(1, value).id)


def test_a_point_without_all_parameters_is_refused() -> None:
    params = {key: value for key, value in POINT["params"].items() if key != "lr"}
    with pytest.raises(UserError, match=r"params has no 'lr'; Point.make\(MODEL, PARAMS, SEED\)"):
        assert gs.Point("text_to_text", params, 0).id
    with pytest.raises(UserError, match="unknown parameter 'hiden' in params of text_to_text"):
        assert gs.Point("text_to_text", POINT["params"] | {"hiden": 1}, 0).id
