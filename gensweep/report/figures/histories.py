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
from gensweep.report.figures.style import MAX_SEEDS_SHOWN
from gensweep.report.measurement import UNBOUNDED
from gensweep.report.summary import Summary, summarize

if TYPE_CHECKING:
    from gensweep.report.measurement import Range
    from gensweep.report.results import Results

    History = dict[str, np.ndarray]
    SeedHistories = dict[int, History]
    """Seed -> the history of its point."""

EPOCH_AXIS = Axis("epoch", is_whole=True)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curve:
    """A column of histories by epoch.

    Attributes:
        epochs: sorted [epochs].
        summary: mean and interval over the histories, at each epoch.
        by_seed: seed -> its epochs and its values at them.
    """

    epochs: np.ndarray
    summary: Summary
    by_seed: dict[int, tuple[np.ndarray, np.ndarray]]

    @property
    def is_empty(self) -> bool:
        """True if no history has the column."""
        return not len(self.epochs)

    def to_series(self, label: str, mark: Mark, style: int = 0) -> Series:
        """Return the means with their intervals, as a figure shows them."""
        one = self.summary
        return Series(
            label,
            self.epochs,
            one.mean,
            one.low,
            one.high,
            one.n,
            mark,
            style,
        )

    def list_seed_lines(self, label: str, style: int = 0) -> list[Series]:
        """Return a thin line per seed; none if the mean is of one seed, or of many."""
        if not 1 < len(self.by_seed) <= MAX_SEEDS_SHOWN:
            return []
        return [
            Series(
                f"{label}, seed {seed}",
                epochs,
                values,
                mark=Mark.SEED_LINE,
                style=style,
            )
            for seed, (epochs, values) in self.by_seed.items()
        ]


def load_histories(
    results: Results, cells: Sequence[str]
) -> tuple[dict[str, SeedHistories], int]:
    """Return cell -> the histories of its ok points, and how many are missing or damaged."""
    histories_of: dict[str, SeedHistories] = {cell: {} for cell in cells}
    is_shown = (results.points["status"] == Status.OK) & results.points[
        "cell"
    ].isin(list(cells))
    points = results.points[is_shown]
    lost = 0
    columns = (points[name].tolist() for name in ("id", "cell", "seed"))
    for point, cell, seed in zip(*columns, strict=True):
        try:
            history = results.load_history(point)
        except RecordError as error:
            _log.warning("%s", error)
            history = None
        if history is None:
            lost += 1
        else:
            histories_of[cell][int(seed)] = history
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
    histories: SeedHistories, column: str, bounds: Range
) -> Curve:
    """Return the curve of a column over the histories that have it."""
    by_seed = {}
    for seed, history in histories.items():
        if column in history and "epoch" in history:
            values = history[column]
            finite = np.where(np.isfinite(values), values, np.nan)
            by_seed[seed] = history["epoch"], finite
    # An empty array comes first: `concatenate` refuses an empty list.
    epochs = np.concatenate(
        [np.zeros(0), *(one[0] for one in by_seed.values())]
    )
    values = np.concatenate(
        [np.zeros(0), *(one[1] for one in by_seed.values())]
    )
    steps, step_index = np.unique(epochs, return_inverse=True)
    summary = summarize(values, step_index, len(steps), bounds)
    return Curve(steps, summary, by_seed)


def describe_lost(count: int) -> str:
    """Return the sentence of a caption on histories that cannot be shown; empty without any."""
    if not count:
        return ""
    return f" {count} histories are missing or cannot be read."
