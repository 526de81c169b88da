"""Tasks: any function with typed parameters, declared as something that a sweep can train.

@gs.task("mlp", metrics={"accuracy": gs.Range(0, 1, "max")})
def train(run: gs.Run, *, width: int = gs.param(64, "hidden units", ge=1)):
    ...
    return {"accuracy": accuracy}
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from gensweep.core.config import RESERVED_NAMES, format_type, param
from gensweep.core.errors import UserError
from gensweep.core.own_data import OWN_DATA
from gensweep.core.registries import MODELS, Metric
from gensweep.core.run import Range
from gensweep.core.trainable import Trainable, get_full_name

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_EPOCHS = 10
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,59}")
_SCALARS = (int, float, str, bool, NoneType)
_TAKEN = {
    "until": "it is the parameter of models that ends a training early",
    "seed": "the sweep sets it, and run.seed has it",
    "dataset": f"a task reads its own data, so gensweep sets it to {OWN_DATA}",
}


class Task(Trainable):
    """Base of the configs of tasks.

    Attributes:
        function: the user's function.
        metrics: what it returns, by name.
        passes_epochs: whether the function takes `epochs` as an argument.
    """

    reads: ClassVar[str] = OWN_DATA
    default_dataset: ClassVar[str] = OWN_DATA
    outputs: ClassVar[tuple[str, ...]] = ()
    packs: ClassVar[bool] = False
    is_trained_by_loop: ClassVar[bool] = False
    function: ClassVar[Callable[..., Any]]
    metrics: ClassVar[dict[str, Range]]
    passes_epochs: ClassVar[bool] = False

    epochs: int = param(DEFAULT_EPOCHS, "epochs to train", ge=1)

    @classmethod
    def list_metrics(cls, split: str = "test") -> list[Metric]:
        """Return every declared metric; the first one with a better end is the main metric."""
        metrics = []
        for rank, (name, values) in enumerate(cls.metrics.items()):
            metric = Metric(
                name=name,
                needs=(),
                unit=values.unit,
                direction=values.direction,
                when="always",
                doc=values.description,
                compute=_refuse_to_compute,
                range=(values.low, values.high),
                main_rank=None if values.direction == "none" else rank,
            )
            metrics.append(metric)
        return metrics

    @classmethod
    def list_code_roots(cls) -> list[str]:
        """Return the full name of the function."""
        return [get_full_name(cls.function)]

    def get_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the function."""
        arguments = self.model_dump()
        if not self.passes_epochs:
            del arguments["epochs"]
        return arguments

    def estimate_step_cost(self) -> float:
        """Return 1: what a task costs is not known before its first training."""
        return 1.0

    def estimate_training_bytes(self, lanes: int = 1) -> int:
        """Return 0: what a task needs is not known before its first training."""
        return 0


def _refuse_to_compute(outputs: Mapping[str, Any]) -> None:
    raise AssertionError("a task measures its metrics itself")


def task(
    name: str,
    *,
    metrics: Mapping[str, Range],
    numerics: int = 1,
    epochs: int = DEFAULT_EPOCHS,
    shown: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Return a decorator that makes a function something that a sweep can train.

    Args:
        name: what `Grid` calls it.
        metrics: name -> `Range` of every number that the function returns.
        numerics: part of every id; raise it when you change the numbers on purpose.
        epochs: the default of the parameter `epochs`, unless the signature has its own.
        shown: parameters that the readable part of an id shows.
        files: files beside this one that the function opens or calls, such as a script. They
            travel with it, and `Path(__file__).with_name("fit.py")` is where one is. They are read
            from the source of the file, so this must be a tuple of plain texts.

    Raises:
        UserError: a name, a metric or a parameter cannot be used.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f"task {name!r}: a name has letters, digits and '_', at most 40"
        )
    if (
        isinstance(numerics, bool)
        or not isinstance(numerics, int)
        or numerics < 1
    ):
        raise UserError(
            f"task {name!r}: numerics={numerics!r} is not a whole number of 1 or more"
        )
    checked = _check_metrics(name, metrics)

    def add(function: F) -> F:
        fields = _list_fields(name, function)
        passes_epochs = "epochs" in fields
        if not passes_epochs:
            fields["epochs"] = (int, param(epochs, "epochs to train", ge=1))
        config = create_model(
            name,
            __base__=Task,
            __doc__=inspect.getdoc(function),
            **cast(Any, fields),
        )
        config.__module__, config.__qualname__ = function.__module__, name
        config.name = config.abbreviation = name
        config.numerics = numerics
        config.shown = _check_shown(name, shown, config)
        config.function = staticmethod(function)
        config.metrics = checked
        config.passes_epochs = passes_epochs
        _check_defaults(name, config)
        MODELS.register(name, cast(Any, config))
        return function

    return add


def _check_metrics(name: str, metrics: Any) -> dict[str, Range]:
    if not isinstance(metrics, Mapping) or not metrics:
        example = 'metrics={"accuracy": gs.Range(0, 1, "max")}'
        raise UserError(
            f"task {name!r}: declare what it returns, as {example}"
        )
    for metric, range_ in metrics.items():
        if not isinstance(metric, str) or not _METRIC_NAME.fullmatch(metric):
            raise UserError(
                f"task {name!r}: metric {metric!r}: a name has letters, digits, '_' and '.'; "
                "gensweep adds test/ and validation/"
            )
        if metric in RESERVED_NAMES:
            raise UserError(
                f"task {name!r}: metric {metric!r}: every table has such a column"
            )
        if not isinstance(range_, Range):
            raise UserError(
                f"task {name!r}: metric {metric!r}: {range_!r} is not a gs.Range"
            )
    return dict(metrics)


def _list_fields(name: str, function: Any) -> dict[str, tuple[Any, Any]]:
    """Return the parameters of a function: name -> its type, and its default or declaration.

    Raises:
        UserError: one of them cannot be a parameter of a point.
    """
    if not inspect.isfunction(function):
        raise UserError(f"task {name!r}: {function!r} is not a function")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise UserError(
            f"task {name!r}: the first argument of {function.__name__} must be the run"
        )
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        raise UserError(
            f"task {name!r}: an annotation cannot be read: {error}"
        ) from None
    fields = {}
    for parameter in parameters[1:]:
        key = parameter.name
        prefix = f"task {name!r}: parameter {key!r}"
        if parameter.kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            raise UserError(
                f"{prefix}: write out every parameter; * and ** have no type"
            )
        if key not in hints:
            raise UserError(
                f"{prefix} has no type; write {key}: int, float, str, bool or Literal"
            )
        if parameter.default is inspect.Parameter.empty:
            raise UserError(f"{prefix} has no default value")
        if key in _TAKEN:
            raise UserError(f"{prefix}: {_TAKEN[key]}")
        is_taken = key in RESERVED_NAMES or key in _list_attributes()
        if (is_taken and key != "epochs") or key.startswith("_"):
            raise UserError(
                f"{prefix}: gensweep uses this name; choose another one"
            )
        if not _is_scalar(hints[key]):
            raise UserError(
                f"{prefix} is of type {format_type(hints[key])}; it can be int, float, str, bool, "
                "a Literal, or one of them or None"
            )
        fields[key] = (hints[key], parameter.default)
    return fields


@lru_cache(maxsize=1)
def _list_attributes() -> frozenset[str]:
    """Return every name that the config of a task has already."""
    names = set(dir(Task)) | Task.model_fields.keys()
    for base in Task.__mro__:
        names.update(vars(base).get("__annotations__", ()))
    return frozenset(names)


def _is_scalar(annotation: Any) -> bool:
    """Return whether values of a type can stand in a record and in a table."""
    if get_origin(annotation) is Literal:
        return all(type(value) in _SCALARS for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return all(_is_scalar(part) for part in get_args(annotation))
    return annotation in _SCALARS


def _check_shown(
    name: str, shown: Any, config: type[Task]
) -> tuple[str, ...]:
    is_tuple = isinstance(shown, (tuple, list))
    if not is_tuple or any(key not in config.model_fields for key in shown):
        raise UserError(
            f"task {name!r}: shown={shown!r} is not a tuple of its parameters "
            f"({', '.join(config.model_fields)})"
        )
    return tuple(shown)


def _check_defaults(name: str, config: type[Task]) -> None:
    """Raise UserError for a default value that the parameter itself would refuse."""
    fields: dict[str, FieldInfo] = config.model_fields
    try:
        config(**{key: field.get_default() for key, field in fields.items()})
    except ValidationError as error:
        first = error.errors()[0]
        key = first["loc"][0]
        raise UserError(
            f"task {name!r}: parameter {key!r}: the default {first['input']!r}: "
            f"{first['msg'].lower()}"
        ) from None
