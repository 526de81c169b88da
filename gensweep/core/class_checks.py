"""Checks of what a user's class says beside its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gensweep.core.config import is_count
from gensweep.core.errors import UserError
from gensweep.core.values import show_value

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


def _is_tuple_of_names(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(name, str) for name in value
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_abbreviation(value: Any) -> bool:
    return isinstance(value, str) and bool(NAME.fullmatch(value))


def _is_positive_count(value: Any) -> bool:
    return is_count(value, 1)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_NAMES = (_is_tuple_of_names, "a tuple of names")
_TEXT = (_is_text, "a text")
_COUNT = (_is_positive_count, "a whole number of 1 or more")
_FLAG = (_is_flag, "True or False")
DATASET_ATTRIBUTES = {"kind": _TEXT, "source": _TEXT, "numerics": _COUNT}
"""What a class says beside its parameters -> its check, and what it should be."""
MODEL_ATTRIBUTES = {
    "reads": _TEXT,
    "default_dataset": _TEXT,
    "inputs": _NAMES,
    "outputs": _NAMES,
    "players": _NAMES,
    "shown": _NAMES,
    "dedup_fields": _NAMES,
    "abbreviation": (_is_abbreviation, "letters, digits and '_', at most 40"),
    "numerics": _COUNT,
    "evaluation_batch": _COUNT,
    "packs": _FLAG,
    "has_exact_prefixes": _FLAG,
}


def check_attributes(
    owner: str,
    config: type,
    rules: Mapping[str, tuple[Callable[[Any], bool], str]],
) -> None:
    """Raise UserError for an attribute of a class that is not what it should be."""
    for name, (is_right, expected) in rules.items():
        value = getattr(config, name)
        if not is_right(value):
            raise UserError(
                f"{owner}: {name} is {show_value(value)}, not {expected}"
            )
