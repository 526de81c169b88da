"""Values that the records of points must repeat, looked up only for points that have a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gensweep.sweep.point import Point


class ExpectedRecords(Mapping[str, Mapping[str, Any]]):
    """Id of a point -> the values that its record must repeat.

    Most of 100,000 points may have no record yet, so nothing is copied in advance.

    Args:
        points: the points.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        self._points = {point.id: point for point in points}

    def __getitem__(self, point_id: str) -> Mapping[str, Any]:
        return self._points[point_id].expected_record

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, point_id: object) -> bool:
        return point_id in self._points
