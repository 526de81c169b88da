"""Checks of what a task declares: its metrics, the parameters of its function, its files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gensweep.core.config import RESERVED_NAMES, format_type
from gensweep.core.errors import UserError
from gensweep.core.own_data import OWN_DATA
from gensweep.core.run import Range
from gensweep.core.values import show_value

_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,59}")
_SCALARS = (int, float, str, bool, NoneType)
_TAKEN = {
    "until": "it is the parameter of models that ends a training early",
    "seed": "the sweep sets it, and run.seed has it",
    "dataset": f"a task reads its own data, so gensweep sets it to {OWN_DATA}",
}


def check_metrics(owner: str, metrics: Any) -> dict[str, Range]:
    """Return the metrics of a task.

    Args:
        owner: the start of error messages, such as `task 'mlp'`.
        metrics: the argument.

    Raises:
        UserError: it is no dict of names and ranges, or a name cannot be used.
    """
    example = 'metrics={"accuracy": gs.Range(0, 1, "max")}'
    is_mapping = isinstance(metrics, Mapping)
    if not is_mapping or len(metrics) == 0:
        raise UserError(
            f"{owner}: metrics={show_value(metrics)}: declare what it returns, as {example}"
        )
    for metric, range_ in metrics.items():
        prefix = f"{owner}: metric {show_value(metric)}"
        if not isinstance(metric, str) or not _METRIC_NAME.fullmatch(metric):
            raise UserError(
                f"{prefix}: a name has letters, digits, '_' and '.'; "
                "gensweep adds test/ and validation/"
            )
        if metric in RESERVED_NAMES:
            raise UserError(
                f"{prefix}: every table has a column of this name already; choose another name. "
                f"Taken: {', '.join(sorted(RESERVED_NAMES))}"
            )
        if not isinstance(range_, Range):
            raise UserError(
                f"{prefix}: {show_value(range_)} is not a gs.Range, as in {example}"
            )
    return dict(metrics)


def check_files(owner: str, files: Any) -> None:
    """Raise UserError for an argument `files` that is not a tuple of names."""
    is_list = isinstance(files, (tuple, list))
    if not is_list or not all(
        isinstance(name, str) and name for name in files
    ):
        raise UserError(
            f"{owner}: files={show_value(files)} is not a tuple of names of files beside this one"
        )


def check_shown(
    owner: str, shown: Any, parameters: Collection[str]
) -> tuple[str, ...]:
    """Return the parameters that an id shows.

    Raises:
        UserError: it is not a tuple of the task's parameters.
    """
    is_list = isinstance(shown, (tuple, list))
    if not is_list or not all(
        isinstance(key, str) and key in parameters for key in shown
    ):
        raise UserError(
            f"{owner}: shown={show_value(shown)} is not a tuple of its parameters "
            f"({', '.join(parameters)})"
        )
    return tuple(shown)


def list_fields(
    owner: str, function: Any, taken: Collection[str]
) -> dict[str, tuple[Any, Any]]:
    """Return the parameters of a function: name -> its type, and its default or declaration.

    Args:
        owner: the start of error messages.
        function: of the user's.
        taken: names that no parameter can have, except `epochs`.

    Raises:
        UserError: one of them cannot be a parameter of a point.
    """
    if not inspect.isfunction(function):
        raise UserError(f"{owner}: {show_value(function)} is not a function")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise UserError(
            f"{owner}: the first argument of {function.__name__} must be the run"
        )
    try:
        hints = get_type_hints(function)
    except Exception as error:
        # An annotation may be any text, which is then run as an expression.
        raise UserError(
            f"{owner}: an annotation cannot be read: {error}"
        ) from None
    fields = {}
    for parameter in parameters[1:]:
        key = parameter.name
        prefix = f"{owner}: parameter {key!r}"
        _check_parameter(prefix, parameter, hints, taken)
        fields[key] = (hints[key], parameter.default)
    return fields


def _check_parameter(
    prefix: str,
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    taken: Collection[str],
) -> None:
    """Raise UserError for an argument of a function that cannot be a parameter of a point."""
    key = parameter.name
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
    is_taken = key in RESERVED_NAMES or key in taken
    if (is_taken and key != "epochs") or key.startswith("_"):
        raise UserError(
            f"{prefix}: gensweep uses this name; choose another one"
        )
    if not _is_scalar(hints[key]):
        raise UserError(
            f"{prefix} is of type {_describe_type(hints[key])}; it can be int, float, str, bool, "
            "a Literal, or one of them or None"
        )


def _is_scalar(annotation: Any) -> bool:
    """Return whether values of a type can stand in a record and in a table."""
    if get_origin(annotation) is Literal:
        return all(type(value) in _SCALARS for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return all(_is_scalar(part) for part in get_args(annotation))
    # By identity: an annotation may be any value, and some cannot be compared.
    return any(annotation is scalar for scalar in _SCALARS)


def _describe_type(annotation: Any) -> str:
    try:
        return format_type(annotation)
    except Exception:
        # The annotation is wrong already, and its own error must not hide that.
        return show_value(annotation)
