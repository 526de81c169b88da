"""Cells: the combinations of a grid's values that are wanted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gensweep.core.errors import SweepError, UserError, describe_unknown
from gensweep.core.registries import MODELS
from gensweep.sweep.axes import list_axis_parameters
from gensweep.sweep.parameters import list_parameters, resolve_params
from gensweep.sweep.zips import Zip
from gensweep.system.signals import Stopped

MAX_CELLS = 1_000_000
"""The most combinations of a grid: planning 100,000 points takes seconds."""


class _Combination:
    """The parameters of a cell for `where`, as attributes or items: `p.lr` or `p["lr"]`."""

    def __init__(self, model: str, params: dict[str, Any]) -> None:
        self._model = model
        self._params = params

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __getattr__(self, name: str) -> Any:
        if name in self._params:
            return self._params[name]
        if name.startswith("__"):
            raise AttributeError(name)
        known = list_parameters(self._model, self._params["dataset"])
        if name in known:
            return None
        raise SweepError(
            describe_unknown(
                "parameter", name, known, f"where of {self._model}"
            )
        )


def expand_cells(
    model: str,
    zips: Sequence[Zip],
    axes: dict[str, list[Any]],
    where: Callable[[Any], Any] | None,
) -> dict[str, dict[str, Any]]:
    """Return every wanted combination as the parameters of a point, each once, by their text.

    Two combinations that differ only in parameters that do nothing are one cell.
    """
    keys = [key for one in zips for key in one.columns] + list(axes)
    dimensions: list[list[tuple[Any, ...]]] = [
        one.list_rows() for one in zips if one.columns
    ]
    dimensions += [[(value,) for value in values] for values in axes.values()]
    count = math.prod(len(rows) for rows in dimensions)
    if count > MAX_CELLS:
        raise SweepError(
            f"grid of {model}: {count:,} combinations; at most {MAX_CELLS:,} are planned. "
            "Sweep fewer values, or split the grid into several sweeps"
        )
    joined: dict[str, Any] = dict(axes)
    for one in zips:
        joined |= one.axes
    known = list_axis_parameters(model, joined)
    cells: dict[str, dict[str, Any]] = {}
    for rows in itertools.product(*dimensions):
        combination = dict(zip(keys, itertools.chain(*rows), strict=True))
        dataset = str(
            combination.get("dataset", MODELS[model].default_dataset)
        )
        parameters = list_parameters(model, dataset)
        # A parameter of another swept dataset does nothing with this one. A parameter of none of
        # them goes on to `resolve_params`, which reports it.
        relevant = {
            key: value
            for key, value in combination.items()
            if key in parameters or key not in known
        }
        params = resolve_params(model, relevant)
        if where is None or _accepts(where, _Combination(model, params)):
            # Parameters are sorted, so equal cells have equal texts.
            cells.setdefault(repr(params), params)
    return cells


def _accepts(where: Callable[[Any], Any], one: _Combination) -> bool:
    """Return whether `where` wants a combination.

    Raises:
        SweepError: it raises an error of its own; the traceback names its line.
    """
    try:
        return bool(where(one))
    except (UserError, KeyboardInterrupt, Stopped):
        raise
    except BaseException as error:
        # A user's function may raise anything, SystemExit included.
        problem = SweepError(
            f"grid of {one._model}: where raises {type(error).__name__}: {error}"
        )
        raise problem.with_traceback(error.__traceback__) from error


def is_active(key: str, cells: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if a parameter does something in one of the cells."""
    return any(key in params for params in cells)
