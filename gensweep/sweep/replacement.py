"""Changes of a sweep: other values in every grid and search that has the parameter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.sweep.axes import list_axis_parameters
from gensweep.sweep.grid import Grid
from gensweep.sweep.search import Search
from gensweep.sweep.zips import Zip

_OPTION_HINTS = {
    "seed": "--seeds N chooses seeds 0 to N-1",
    "seeds": "--seeds N chooses seeds 0 to N-1",
    "pack": "--pack N trains up to N points as one batched model",
    "model": "--filter model=NAME runs some models only; a grid names its model in the sweep file",
}
"""What people try to set as a parameter -> the option that sets it."""


def list_sweep_parameters(
    grids: Iterable[Grid],
    searches: Iterable[Search],
    values: Mapping[str, Any] | None = None,
) -> frozenset[str]:
    """Return the names of all parameters that a sweep has.

    Args:
        grids: those of the sweep.
        searches: those of the sweep.
        values: parameter -> values that replace those of the grids.
    """
    names: set[str] = set()
    for grid in grids:
        names |= list_axis_parameters(
            grid.model, grid.axes | dict(values or {})
        )
    for search in searches:
        names |= search.space.list_parameters()
    return frozenset(names)


def check_parameters(
    sweep: str, keys: Collection[str], known: frozenset[str]
) -> None:
    """Raise SweepError if one of the keys is not among the known parameters.

    Args:
        sweep: the sweep's name.
        keys: names of parameters to replace.
        known: as `list_sweep_parameters`.
    """
    for key in keys:
        if key in _OPTION_HINTS:
            raise SweepError(
                f"{key!r} is not a parameter of sweep {sweep!r}: {_OPTION_HINTS[key]}"
            )
        if key not in known:
            raise SweepError(
                describe_unknown("parameter", key, known, f"sweep {sweep!r}")
            )


def replace_in_grids(
    grids: Iterable[Grid], values: Mapping[str, Any], zips: Sequence[Zip]
) -> list[Grid]:
    """Return the grids with parameters replaced in those that have them, each grid once.

    Args:
        grids: those of the sweep.
        values: parameter -> its value, or values to sweep.
        zips: parameters to sweep together.
    """
    replaced = join_values(values, zips)
    changed: dict[str, Grid] = {}
    for grid in grids:
        known = list_axis_parameters(grid.model, grid.axes | replaced)
        relevant = {
            key: value for key, value in values.items() if key in known
        }
        selected = [one.select(known) for one in zips]
        new = grid.replace_values(relevant, selected)
        # Grids that differed only in the replaced parameters are now one.
        changed[repr(new)] = new
    return list(changed.values())


def replace_in_searches(
    searches: Iterable[Search], values: Mapping[str, Any]
) -> list[Search]:
    """Return the searches with parameters replaced in those that have them."""
    changed = []
    for search in searches:
        known = search.space.list_parameters()
        relevant = {
            key: value for key, value in values.items() if key in known
        }
        changed.append(
            search.replace_values(relevant) if relevant else search
        )
    return changed


def join_values(
    values: Mapping[str, Any], zips: Iterable[Zip]
) -> dict[str, Any]:
    """Return parameter -> values of both single parameters and zips."""
    joined = dict(values)
    for one in zips:
        joined |= one.axes
    return joined
