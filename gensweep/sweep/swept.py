"""Swept parameters: those that differ between the cells of a model."""

from __future__ import annotations

from collections import Counter
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
    # By text, since an axis may have 100,000 values: a search of a list would take minutes.
    values: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    for params in cells:
        counts.update(params.keys())
        for name, value in params.items():
            values.setdefault(name, {}).setdefault(repr(value), value)
    swept: dict[str, list[Any]] = {}
    for name, seen in values.items():
        if len(seen) > 1 or counts[name] < len(cells):
            swept[name] = list(seen.values())
    return swept
