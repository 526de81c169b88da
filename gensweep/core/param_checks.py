"""Checks of the arguments of `param`, and of the default values of a config."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from gensweep.core.errors import UserError, describe_unknown
from gensweep.core.values import is_number, is_plain, show_value


def check_param(
    description: Any,
    when: Any,
    neutral: Any,
    limits: Mapping[str, Any],
) -> None:
    """Raise UserError for a wrong argument of `param`, beside its default value.

    Args:
        description: the argument.
        when: the argument.
        neutral: the argument; any value that a parameter can have, if it is not used.
        limits: `ge`, `gt`, `le` and `lt`, as far as they are used.
    """
    if not isinstance(description, str):
        raise UserError(
            f"param: description={show_value(description)} is not a text"
        )
    if when is not None:
        _check_when(when)
    if not is_plain(neutral):
        raise UserError(
            f"param: neutral={show_value(neutral)} is no value that a parameter can have"
        )
    for name, limit in limits.items():
        if not is_number(limit):
            raise UserError(
                f"param: {name}={show_value(limit)} is not a finite number"
            )


def _check_when(when: Any) -> None:
    example = 'when={"optimizer": ("adamw", "muon")}'
    message = (
        f"param: when={show_value(when)} does not give the values of other parameters, "
        f"as in {example}"
    )
    if not isinstance(when, Mapping):
        raise UserError(message)
    for name, values in when.items():
        is_list = isinstance(values, (tuple, list))
        if not isinstance(name, str) or not is_list:
            raise UserError(message)
        if not all(map(is_plain, values)):
            raise UserError(message)


def check_defaults(owner: str, config: type[BaseModel]) -> None:
    """Raise UserError for a default value that the parameter itself would refuse.

    Args:
        owner: the start of error messages, such as `task 'mlp'`.
        config: the class with the parameters.
    """
    fields = config.model_fields
    for key, field in fields.items():
        if field.is_required():
            raise UserError(
                f"{owner}: parameter {key!r} has no default value"
            )
    try:
        config(**{key: field.get_default() for key, field in fields.items()})
    except ValidationError as error:
        first = error.errors()[0]
        where = first["loc"][0] if first["loc"] else ""
        raise UserError(
            f"{owner}: parameter {where!r}: the default {show_value(first['input'])}: "
            f"{first['msg'].lower()}"
        ) from None


def check_conditions(
    owner: str, config: type[BaseModel], known: Collection[str]
) -> None:
    """Raise UserError for a `when` that names no parameter.

    Args:
        owner: the start of error messages.
        config: the class with the parameters.
        known: the names of the parameters that can be named.
    """
    for key, field in config.model_fields.items():
        extras = field.json_schema_extra
        when = extras.get("when") if isinstance(extras, dict) else None
        if not isinstance(when, Mapping):
            continue
        for name in when:
            if name not in known:
                prefix = f"{owner}: `when` of {key!r}"
                raise UserError(
                    describe_unknown("parameter", name, known, prefix)
                )
