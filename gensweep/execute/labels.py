"""Labels of points, with what is swept: `encoder_layers=1 lr=0.01 seed=0`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gensweep.prepare.fingerprint import find_paths
from gensweep.sweep.point import Point
from gensweep.system.naming import Names


def label_points(points: Sequence[Point]) -> dict[str, str]:
    """Return the swept values of each point, by its id.

    Swept is what differs between the points of one model. The seed is always shown.
    """
    groups: dict[str, dict[str, Point]] = {}
    for point in points:
        groups.setdefault(point.model, {})[point.cell] = point
    labels: dict[str, str] = {}
    for cells in groups.values():
        params = [point.params for point in cells.values()]
        swept = _list_swept(params)
        values = [one.get(name) for one in params for name in swept]
        names = Names.from_cells(params, find_paths(values))
        for cell, point in cells.items():
            parts = [
                f"{name}={names.get_text(name, point.params[name])}"
                for name in swept
                if name in point.params
            ]
            labels[cell] = " ".join(parts)
    return {
        point.id: f"{labels[point.cell]} seed={point.seed}".lstrip()
        for point in points
    }


def _list_swept(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Return the parameters that not all cells have with one value."""
    seen: dict[str, set[str]] = {}
    for params in cells:
        for name, value in params.items():
            seen.setdefault(name, set()).add(repr(value))
    counts = {name: sum(name in params for params in cells) for name in seen}
    return [
        name
        for name in seen
        if len(seen[name]) > 1 or counts[name] < len(cells)
    ]
