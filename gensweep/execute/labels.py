"""Labels of points, with what is swept: `encoder_layers=1 lr=0.01 seed=0`."""

from __future__ import annotations

from collections.abc import Sequence

from gensweep.prepare.fingerprint import find_paths
from gensweep.sweep.point import Point
from gensweep.sweep.swept import list_swept_values
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
        swept = list(list_swept_values(params))
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
