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
from typing import Any, ClassVar, TypeVar, cast

from pydantic import create_model
from pydantic_core import SchemaError

from gensweep.core.class_checks import NAME
from gensweep.core.config import is_count, param
from gensweep.core.errors import UserError
from gensweep.core.own_data import OWN_DATA
from gensweep.core.param_checks import check_conditions, check_defaults
from gensweep.core.registries import MODELS, Metric
from gensweep.core.run import Range
from gensweep.core.task_checks import (
    check_files,
    check_metrics,
    check_shown,
    list_fields,
)
from gensweep.core.trainable import Trainable, get_full_name
from gensweep.core.values import show_value

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_EPOCHS = 10


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
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(
            f"task {show_value(name)}: a name has letters, digits and '_', at most 40"
        )
    owner = f"task {name!r}"
    for argument, count in (("numerics", numerics), ("epochs", epochs)):
        if not is_count(count, 1):
            raise UserError(
                f"{owner}: {argument}={show_value(count)} is not a whole number of 1 or more"
            )
    checked = check_metrics(owner, metrics)
    check_files(owner, files)

    def add(function: F) -> F:
        fields = list_fields(owner, function, _list_attributes())
        passes_epochs = "epochs" in fields
        if not passes_epochs:
            fields["epochs"] = (int, param(epochs, "epochs to train", ge=1))
        config = _create_config(name, function, fields)
        config.__module__, config.__qualname__ = function.__module__, name
        config.name = config.abbreviation = name
        config.numerics = numerics
        config.shown = check_shown(owner, shown, config.model_fields)
        config.function = staticmethod(function)
        config.metrics = checked
        config.passes_epochs = passes_epochs
        check_conditions(owner, config, config.model_fields)
        check_defaults(owner, config)
        MODELS.register(name, cast(Any, config))
        return function

    return add


def _create_config(
    name: str,
    function: Callable[..., Any],
    fields: Mapping[str, tuple[Any, Any]],
) -> type[Task]:
    """Return the class with the parameters of a task.

    Raises:
        UserError: a limit does not suit the type of its parameter.
    """
    try:
        return create_model(
            name,
            __base__=Task,
            __doc__=inspect.getdoc(function),
            **cast(Any, fields),
        )
    except (SchemaError, TypeError) as error:
        # Pydantic nests its errors: one line for each level, with the reason in the last one.
        text = str(error)
        field = re.search(r'Field "(\w+)"', text)
        where = f"parameter {field[1]!r}" if field else "a parameter"
        reason = text.splitlines()[-1].strip()
        raise UserError(f"task {name!r}: {where}: {reason}") from None


@lru_cache(maxsize=1)
def _list_attributes() -> frozenset[str]:
    """Return every name that the config of a task has already."""
    names = set(dir(Task)) | Task.model_fields.keys()
    for base in Task.__mro__:
        names.update(vars(base).get("__annotations__", ()))
    return frozenset(names)
