"""Swept parameters: those that differ between the cells of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def list_swept_values(
    cells: Sequence[Mapping[str, Any]],
) -> dict[str, list[Any]]:
    """Return the parameters that differ between cells, each with its values in their order.

    A parameter that only some of the cells have differs, too.

    Args:
        cells: the parameters of each cell of one model.
    """
    names = dict.fromkeys(name for params in cells for name in params)
    swept: dict[str, list[Any]] = {}
    for name in names:
        column = [params[name] for params in cells if name in params]
        # Most cells share the value itself, so few texts are made.
        objects = {id(value): value for value in column}
        # By text, since an axis may have 100,000 values: a search of a list would take minutes.
        values: dict[str, Any] = {}
        for value in objects.values():
            values.setdefault(repr(value), value)
        if len(values) > 1 or len(column) < len(cells):
            swept[name] = list(values.values())
    return swept
