"""The points of a sweep that `--filter` selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.values import parse_value
from gensweep.prepare.fingerprint import find_paths, get_pinned_text
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.naming import Names, is_same


def filter_points(
    sweep: Sweep, filters: Sequence[tuple[str, list[str]]]
) -> list[Point]:
    """Return the points of a sweep that pass every filter.

    Args:
        sweep: the sweep, with all its points.
        filters: a parameter (or `model`, `seed`) and values of it, each as tables, figures and
            pages show it, or as the sweep file may write it.

    Raises:
        SweepError: an unknown parameter, or a value that no remaining point has.
    """
    all_points = sweep.points()
    if not filters:
        return all_points
    known = {"model", "seed"}
    for point in all_points:
        known.update(point.params)
    points = all_points
    for key, texts in filters:
        if key not in known:
            owner = f"--filter of sweep {sweep.name!r}"
            raise SweepError(describe_unknown("parameter", key, known, owner))
        # Names come from all points, so that a filter means the same after other filters.
        values = [_get_value(point, key) for point in all_points]
        names = Names({key: values}, find_paths(values))
        points = _apply_filter(points, key, texts, names)
    return points


def _apply_filter(
    points: list[Point], key: str, texts: list[str], names: Names
) -> list[Point]:
    """Return the points whose value of a parameter has one of these texts.

    Raises:
        SweepError: a text matches none of the points.
    """
    available = dict.fromkeys(
        names.get_text(key, _get_value(point, key)) for point in points
    )
    selected = []
    unmatched = []
    for text in texts:
        matches = names.find(key, text, parse_value(get_pinned_text(text)))
        selected += matches
        if available.keys().isdisjoint(
            names.get_text(key, value) for value in matches
        ):
            unmatched.append(text)
    if unmatched:
        raise SweepError(
            f"--filter {key}={','.join(unmatched)} matches nothing; "
            f"available: {', '.join(available)}"
        )
    return [
        point
        for point in points
        if any(is_same(_get_value(point, key), value) for value in selected)
    ]


def _get_value(point: Point, key: str) -> Any:
    if key == "model":
        return point.model
    if key == "seed":
        return point.seed
    return point.params.get(key)
