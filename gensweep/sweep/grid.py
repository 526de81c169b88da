"""Grids: every combination of some parameters of one model, or the chosen ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS
from gensweep.core.values import show_value
from gensweep.prepare.fingerprint import get_pinned_text
from gensweep.sweep.axes import list_axis_parameters, list_axis_values
from gensweep.sweep.cells import expand_cells, is_active
from gensweep.sweep.parameters import describe_condition, list_parameters
from gensweep.sweep.zips import Zip


class Grid:
    """Every combination of some parameters of one model.

    Scalars are fixed; any other iterable (list, tuple, range, array, generator, set) is swept.

    Args:
        model: the name of the model.
        zips: parameters that change together.
        where: takes a combination and returns whether it is wanted. The combination has an
            attribute for every parameter, such as ``p.encoder_layers``; a parameter that does
            nothing in it is None.
        axes: parameter -> its value, or values to sweep.

    Raises:
        SweepError: an axis is empty or repeats a value, a parameter is wrong or comes twice, or
            `where` accepts nothing.
        UnknownNameError: the model is not known.
    """

    def __init__(
        self,
        model: str,
        *zips: Zip,
        # Any: type checkers match the values of `**settings` with it, too.
        where: Any = None,
        **axes: Any,
    ) -> None:
        # The lookup raises UnknownNameError for a wrong model before anything else is checked.
        MODELS[model]
        self.model = model
        self._prefix = f"Grid({model!r})"
        self._where = where
        if where is not None and not callable(where):
            raise SweepError(
                f"{self._prefix}: where={show_value(where)} is not a function"
            )
        self._zips = self._check_zips(zips)
        self._own_axes = {
            key: list_axis_values(self._prefix, key, value)
            for key, value in axes.items()
        }
        self.axes = self._join_axes()
        if "seed" in self.axes:
            raise SweepError(
                f"{self._prefix}: seeds belong to the sweep: Sweep(seeds=3) or Sweep(seeds=[0, 7])"
            )
        self._cell_of_text = expand_cells(
            model, self._zips, self._own_axes, where
        )
        self._cells = list(self._cell_of_text.values())
        if not self._cells:
            raise SweepError(
                f"{self._prefix}: where accepts none of the combinations"
            )
        for key, axis in self.axes.items():
            self._check_distinct_data(key, axis)
            self._check_active(key)

    def _check_zips(self, zips: Sequence[Any]) -> list[Zip]:
        """Return the zips; raise SweepError if something else stands in their place."""
        for one in zips:
            if not isinstance(one, Zip):
                raise SweepError(
                    f"{self._prefix}: {show_value(one)} is not a Zip; "
                    "parameters are written NAME=VALUES"
                )
        return [one for one in zips if one.columns]

    def _join_axes(self) -> dict[str, list[Any]]:
        """Return parameter -> values, each once; raise SweepError if a parameter comes twice."""
        axes: dict[str, list[Any]] = {}
        for one in [*(one.axes for one in self._zips), self._own_axes]:
            for key in one.keys() & axes.keys():
                raise SweepError(
                    f"{self._prefix}: {key} is in a Zip and comes once more"
                )
            axes |= one
        return axes

    def _check_distinct_data(self, key: str, axis: list[Any]) -> None:
        """Raise SweepError if two values of an axis name data with the same content."""
        texts = [item for item in axis if isinstance(item, str)]
        contents = [get_pinned_text(text) for text in texts]
        repeated = [
            text
            for text in texts
            if contents.count(get_pinned_text(text)) > 1
        ]
        if repeated:
            raise SweepError(
                f"{self._prefix}: {key}: {' and '.join(repeated)} hold the same"
            )

    def _check_active(self, key: str) -> None:
        """Raise SweepError if an axis changes no cell of the grid."""
        if is_active(key, self._cells):
            return
        for params in self._cells:
            if key in list_parameters(self.model, params["dataset"]):
                condition = describe_condition(self.model, key, params)
                raise SweepError(
                    f"{self._prefix}: {key} does nothing here; {condition}"
                )

    def cells(self) -> list[dict[str, Any]]:
        """Return the parameters of every cell, each once, in the order of the axes."""
        return self._cells

    def map_cells(self) -> dict[str, dict[str, Any]]:
        """Return a text that tells a cell from all others of the model -> its parameters."""
        return self._cell_of_text

    def replace_values(
        self, values: dict[str, Any], zips: Sequence[Zip] = ()
    ) -> Grid:
        """Return this grid with some axes replaced, without old axes that then do nothing.

        Args:
            values: parameter -> its value, or values to sweep.
            zips: parameters to sweep together.
        """
        replaced = dict(values)
        for one in zips:
            replaced |= one.axes
        known = list_axis_parameters(self.model, self.axes | replaced)
        remaining = known - replaced.keys()
        axes = {
            key: axis for key, axis in self._own_axes.items() if key in known
        } | values
        for key in replaced.keys() - values.keys():
            axes.pop(key, None)
        axes = {
            key: list_axis_values(self._prefix, key, value)
            for key, value in axes.items()
        }
        all_zips = [*(one.select(remaining) for one in self._zips), *zips]
        expanded = expand_cells(self.model, all_zips, axes, self._where)
        cells = list(expanded.values())
        # An axis that the caller set stays, so that `Grid` reports it if it does nothing.
        active = {
            key for key in known if key in replaced or is_active(key, cells)
        }
        return Grid(
            self.model,
            *(one.select(active) for one in all_zips),
            where=self._where,
            **{
                key: axis
                for key, axis in axes.items()
                if key in active or key in replaced
            },
        )

    def __repr__(self) -> str:
        arguments = [repr(self.model), *map(repr, self._zips)]
        if self._where:
            arguments.append(f"where={self._where!r}")
        arguments += [
            f"{key}={axis!r}" for key, axis in self._own_axes.items()
        ]
        return f"Grid({', '.join(arguments)})"
