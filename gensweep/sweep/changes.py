"""Changes of a sweep for one run: other values of parameters, and other seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import SweepError
from gensweep.core.values import show_value
from gensweep.sweep.zips import Zip, make_zip

if TYPE_CHECKING:
    from gensweep.sweep.spec import Sweep

_EXAMPLE = "{'A:B': [(1, 3), (2, 4)]}"


def change_sweep(
    sweep: Sweep,
    values: dict[str, Any],
    zips: Sequence[Zip],
    seeds: int | None,
) -> Sweep:
    """Return the sweep with other values and seeds; itself if nothing changes.

    Args:
        sweep: the sweep.
        values: parameter -> its value, or a list of values to sweep.
        zips: parameters to sweep together.
        seeds: the number of seeds; None: as they are.

    Raises:
        SweepError: no grid has the parameter, or it is named twice.
    """
    if not values and not zips and seeds is None:
        return sweep
    _check_named_once(values, zips)
    return sweep.replace_values(values, seeds, zips)


def _check_named_once(values: dict[str, Any], zips: Sequence[Zip]) -> None:
    """Raise SweepError if two changes are of one parameter."""
    seen = set(values)
    for one in zips:
        for name in one.columns:
            if name in seen:
                raise SweepError(
                    f"--set names {name} twice; write one --set for it"
                )
            seen.add(name)


def split_changes(changes: Any) -> tuple[dict[str, Any], list[Zip]]:
    """Return the values and the zips of changes as Python code writes them.

    Args:
        changes: parameter -> its value or values; `"A:B"` -> pairs of values.

    Raises:
        SweepError: the changes have another form.
    """
    if not isinstance(changes, Mapping):
        raise SweepError(
            f"set={show_value(changes)} is not a dict, such as "
            "{'lr': [0.1, 0.2]}"
        )
    values: dict[str, Any] = {}
    zips = []
    for key, value in changes.items():
        if not isinstance(key, str):
            raise SweepError(
                f"set has the key {show_value(key)}, which names no parameter"
            )
        if ":" in key:
            zips.append(_read_zip(key, value))
        else:
            values[key] = value
    return values, zips


def _read_zip(key: str, rows: Any) -> Zip:
    """Return the zip of a key `"A:B"` and its rows of values."""
    owner = f"set {key!r}"
    if not isinstance(rows, (list, tuple)):
        raise SweepError(
            f"{owner}: {show_value(rows)} is not a list of rows; "
            f"write them as in {_EXAMPLE}"
        )
    return make_zip(owner, key, rows, _EXAMPLE)
