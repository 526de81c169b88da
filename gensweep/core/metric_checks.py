"""Checks of the arguments with which a metric is registered."""

from __future__ import annotations

from typing import Any

from gensweep.core.config import RESERVED_NAMES, is_count
from gensweep.core.errors import UserError
from gensweep.core.roles import ROLES
from gensweep.core.run import DIRECTIONS
from gensweep.core.values import is_number, show_value

WHENS = ("always", "test")


def check_metric(
    name: Any,
    *,
    needs: Any,
    unit: Any,
    direction: Any,
    when: Any,
    min_examples: Any,
    range: Any,
    roles: Any,
    main_rank: Any,
) -> None:
    """Raise UserError for a wrong argument; arguments as `register_metric`."""
    owner = f"metric {show_value(name)}"
    if (
        not isinstance(name, str)
        or not name.isprintable()
        or not name.strip()
    ):
        raise UserError(f"{owner}: the name is not a printable text")
    if name in RESERVED_NAMES:
        raise UserError(f"{owner}: tables have a column of this name already")
    if not _is_list_of_texts(needs):
        raise UserError(
            f"{owner}: needs={show_value(needs)} is not a tuple of outputs"
        )
    if not isinstance(unit, str):
        raise UserError(f"{owner}: unit={show_value(unit)} is not a text")
    _check_choice(owner, "direction", direction, DIRECTIONS)
    _check_choice(owner, "when", when, WHENS)
    if not is_count(min_examples, 1):
        raise UserError(
            f"{owner}: min_examples={show_value(min_examples)} is not a whole number of 1 or more"
        )
    _check_range(owner, range)
    if not _is_list_of_texts(roles):
        raise UserError(
            f"{owner}: roles={show_value(roles)} is not a list of names"
        )
    for role in roles:
        _check_choice(owner, "role", role, ROLES)
    is_rank = type(main_rank) is int or main_rank is None
    if not is_rank:
        raise UserError(
            f"{owner}: main_rank={show_value(main_rank)} is neither a whole number nor None"
        )


def _is_list_of_texts(value: Any) -> bool:
    is_list = isinstance(value, (tuple, list, set, frozenset))
    return is_list and all(isinstance(item, str) for item in value)


def _check_choice(
    owner: str, argument: str, value: Any, choices: tuple[str, ...]
) -> None:
    if not isinstance(value, str) or value not in choices:
        raise UserError(
            f"{owner}: {argument} {show_value(value)} is not one of {', '.join(choices)}"
        )


def _check_range(owner: str, bounds: Any) -> None:
    is_pair = isinstance(bounds, (tuple, list)) and len(bounds) == 2
    if not is_pair or not all(
        bound is None or is_number(bound) for bound in bounds
    ):
        raise UserError(
            f"{owner}: range={show_value(bounds)} is not a pair of numbers or None"
        )
    smallest, largest = bounds
    if smallest is not None and largest is not None and smallest >= largest:
        raise UserError(f"{owner}: range {bounds} does not rise")
