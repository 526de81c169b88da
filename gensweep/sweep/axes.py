"""The values of one axis of a grid: what a sweep file may write, as a checked list."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS
from gensweep.core.values import show_value
from gensweep.sweep.parameters import list_parameters, unwrap_scalar

MAX_AXIS_VALUES = 100_000
"""More values than this are an error, so that an endless iterable does not hang."""


def list_axis_values(
    prefix: str, key: str, value: Any, may_repeat: bool = False
) -> list[Any]:
    """Return the values of an axis: one for a scalar, all items of any other iterable.

    Args:
        prefix: the start of error messages, such as `Grid('vae')`.
        key: the name of the axis.
        value: what the sweep file assigns to it.
        may_repeat: whether a value may come twice.

    Raises:
        SweepError: the axis is empty, endless, or has a value twice.
    """
    value = unwrap_scalar(value)
    if isinstance(value, (str, bytes, dict)) or not isinstance(
        value, Iterable
    ):
        return [value]
    if isinstance(value, (set, frozenset)):
        # A set has no order of its own, so the points would change places between two runs.
        value = sorted(map(unwrap_scalar, value), key=_get_sort_key)
    values = list(itertools.islice(value, MAX_AXIS_VALUES + 1))
    if len(values) > MAX_AXIS_VALUES:
        raise SweepError(
            f"{prefix}: {key} has more than {MAX_AXIS_VALUES} values; is it endless?"
        )
    if not values:
        raise SweepError(f"{prefix}: {key} has no values")
    values = [unwrap_scalar(item) for item in values]
    if not may_repeat:
        _check_distinct(prefix, key, values)
    return values


def list_items(owner: str, value: Any, wanted: str) -> list[Any]:
    """Return the items of an argument that should be a list.

    Args:
        owner: the argument, as the start of the error: `sweep 's': grids`.
        value: the argument.
        wanted: what it should be: `a list of grids`.

    Raises:
        SweepError: it is a text, endless, or cannot be iterated over.
    """
    value = unwrap_scalar(value)
    is_text = isinstance(value, (str, bytes, bytearray))
    if is_text or isinstance(value, type) or not isinstance(value, Iterable):
        raise SweepError(f"{owner}={show_value(value)} is not {wanted}")
    items = list(itertools.islice(value, MAX_AXIS_VALUES + 1))
    if len(items) > MAX_AXIS_VALUES:
        raise SweepError(
            f"{owner} has more than {MAX_AXIS_VALUES:,} entries; is it endless?"
        )
    return items


def _check_distinct(prefix: str, key: str, values: list[Any]) -> None:
    """Raise SweepError if a value comes twice: 1 is 1.0, but 1 is not true."""
    seen = set()
    for item in values:
        comparable = item if isinstance(item, Hashable) else show_value(item)
        # In Python True == 1, so the type has to be part of the key.
        identity = (isinstance(item, bool), comparable)
        if identity in seen:
            raise SweepError(f"{prefix}: {key} has {show_value(item)} twice")
        seen.add(identity)


def _get_sort_key(value: Any) -> tuple[Any, ...]:
    """Return a sort key for values of mixed types: none first, then numbers, then the rest."""
    if value is None:
        return (0,)
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, str(value))


def list_axis_parameters(model: str, axes: dict[str, Any]) -> frozenset[str]:
    """Return the names of all parameters of a model with any dataset of these axes."""
    datasets = axes.get("dataset", MODELS[model].default_dataset)
    parameters: frozenset[str] = frozenset()
    for name in list_axis_values("sweep", "dataset", datasets):
        text = name if isinstance(name, str) else show_value(name)
        parameters |= list_parameters(model, text)
    return parameters
