"""Histories of points: a column of them by epoch, with its interval over seeds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.ledger.status import Status
from gensweep.report.figures.data import Axis, Mark, Series
from gensweep.report.measurement import UNBOUNDED
from gensweep.report.summary import Summary, summarize

if TYPE_CHECKING:
    from gensweep.report.measurement import Range
    from gensweep.report.results import Results

    History = dict[str, np.ndarray]

EPOCH_AXIS = Axis("epoch", is_whole=True)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curve:
    """A column of histories by epoch.

    Attributes:
        epochs: sorted [epochs].
        summary: mean and interval over the histories, at each epoch.
    """

    epochs: np.ndarray
    summary: Summary

    @property
    def is_empty(self) -> bool:
        """True if no history has the column."""
        return not len(self.epochs)

    def to_series(self, label: str, mark: Mark, style: int = 0) -> Series:
        """Return the means with their intervals, as a figure shows them."""
        one = self.summary
        return Series(
            label, self.epochs, one.mean, one.low, one.high, one.n, mark, style
        )


def load_histories(
    results: Results, cells: Sequence[str]
) -> tuple[dict[str, list[History]], int]:
    """Return cell -> the histories of its ok points, and how many are missing or damaged."""
    histories_of: dict[str, list[History]] = {cell: [] for cell in cells}
    is_shown = (results.points["status"] == Status.OK) & results.points[
        "cell"
    ].isin(list(cells))
    points = results.points[is_shown]
    lost = 0
    for point, cell in zip(points["id"], points["cell"], strict=True):
        try:
            history = results.load_history(point)
        except RecordError as error:
            _log.warning("%s", error)
            history = None
        if history is None:
            lost += 1
        else:
            histories_of[cell].append(history)
    return histories_of, lost


def list_columns(histories: Iterable[History]) -> list[str]:
    """Return the columns that any history has, in their order."""
    names = dict.fromkeys(name for history in histories for name in history)
    return [name for name in names if name != "epoch"]


def get_range(results: Results, column: str) -> Range:
    """Return the range of the metric that a column of histories has."""
    info = results.metrics.get(column.rpartition("/")[2])
    return UNBOUNDED if info is None else info.range


def summarize_column(
    histories: Iterable[History], column: str, bounds: Range
) -> Curve:
    """Return the curve of a column over the histories that have it."""
    usable = [
        history
        for history in histories
        if column in history and "epoch" in history
    ]
    # An empty array comes first: `concatenate` refuses an empty list.
    epochs = np.concatenate(
        [np.zeros(0), *(history["epoch"] for history in usable)]
    )
    values = np.concatenate(
        [np.zeros(0), *(history[column] for history in usable)]
    )
    steps, step_index = np.unique(epochs, return_inverse=True)
    finite = np.where(np.isfinite(values), values, np.nan)
    return Curve(steps, summarize(finite, step_index, len(steps), bounds))


def describe_lost(count: int) -> str:
    """Return the sentence of a caption on histories that cannot be shown; empty without any."""
    if not count:
        return ""
    return f" {count} histories are missing or cannot be read."
