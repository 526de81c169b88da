"""Trainings of a few points at tiny settings, and all that they report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gensweep.sweep.point import Pack, Point
from gensweep.trial.config import TrialConfig
from gensweep.trial.reports import (
    is_outcome,
    list_point_reports,
    select_metrics,
)
from gensweep.trial.trial import run_pack


@dataclass
class ReportedTraining:
    """All that a training reported."""

    lines: list[dict[str, float]] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[Any, ...]:
        """Every number that must not depend on chance."""
        test = {
            name: value
            for name, value in self.end.items()
            if name.startswith("test/")
        }
        return self.lines, test, self.end.get("error")


class Interruption(BaseException):
    """Stands for the end of the process: nothing catches it."""


def train_point(
    point: Point, root: Path, stop_after: int | None = None
) -> ReportedTraining:
    """Train one point as `train_pack` does."""
    return train_pack([point], root, stop_after)[point.id]


def train_pack(
    points: list[Point], root: Path, stop_after: int | None = None
) -> dict[str, ReportedTraining]:
    """Train points in a results root of their own, and return what each reported.

    Args:
        points: the lanes of one pack.
        root: a folder; what an earlier call left there is continued.
        stop_after: the epoch after which the process seems to die; None: it does not.
    """
    outcomes = {point.id: ReportedTraining() for point in points}

    def report(result: Mapping[str, Any]) -> None:
        for lane in list_point_reports(result):
            outcome = outcomes[lane["point"]]
            if is_outcome(lane):
                outcome.end = dict(lane)
                continue
            numbers = {"epoch": lane["epoch"]} | select_metrics(lane)
            outcome.lines.append(numbers)
            if lane["epoch"] == stop_after:
                raise Interruption

    config = TrialConfig(results=str(root), device="cpu")
    run_pack(Pack(tuple(points)), None, config, report)
    return outcomes
