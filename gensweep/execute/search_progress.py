"""The progress of searches while their trials are trained: how many ended, and the best so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gensweep.ledger.status import Status
from gensweep.search.replay import Replay
from gensweep.sweep.search import Search
from gensweep.system.text import pluralize
from gensweep.trial.reports import OutcomeReport, select_metrics


@dataclass
class SearchProgress:
    """The trials of one search, as far as reports tell.

    Attributes:
        search: the search.
        levels: id of a point of a trial -> the number of its trial, and its level.
        ended: trials of which a point has ended, by number.
        best: the level, the value, and the number of the best trial; None: no trial has a value.
    """

    search: Search
    levels: dict[str, tuple[int, int]]
    ended: set[int] = field(default_factory=set)
    best: tuple[int, float, int] | None = None

    def take(self, result: OutcomeReport) -> None:
        """Take the report of a point that has ended."""
        if result["point"] not in self.levels:
            return
        number, level = self.levels[result["point"]]
        self.ended.add(number)
        value = select_metrics(result).get(self.search.metric)
        if result["status"] != Status.OK or value is None:
            return
        if self.best is None or self._is_better(level, value):
            self.best = (level, value, number)

    def _is_better(self, level: int, value: float) -> bool:
        """Return whether a value is better than the best: one after more epochs always is."""
        assert self.best is not None
        best_level, best_value, _ = self.best
        if level != best_level:
            return level > best_level
        if self.search.direction == "max":
            return value > best_value
        return value < best_value

    def describe(self) -> str:
        """Return in words how many trials ended now, and the best of them."""
        search = self.search
        text = (
            f"Search {search.name}: {len(self.ended)} of "
            f"{pluralize(search.trials, 'trial')} trained now"
        )
        if self.best is None:
            return text
        level, value, number = self.best
        epochs = pluralize(search.levels[level], "epoch")
        return (
            f"{text}; best so far {search.metric} {value:.4g} after {epochs} "
            f"(trial {number})"
        )


class SearchWatch:
    """The progress of all searches of a run.

    Args:
        replays: the searches with the trials that were asked for.
    """

    def __init__(self, replays: Iterable[Replay] = ()) -> None:
        self.searches = []
        for replay in replays:
            levels = {}
            for trial in replay.trials:
                for number, level in enumerate(trial.levels):
                    for point in level.points:
                        levels[point.id] = (trial.number, number)
            self.searches.append(SearchProgress(replay.search, levels))

    def chooses_by(self, point_id: str) -> bool:
        """Return whether a point is one by which trials are chosen: its test says nothing."""
        return any(point_id in one.levels for one in self.searches)

    def take(self, result: OutcomeReport) -> None:
        """Take the report of a point that has ended."""
        for one in self.searches:
            one.take(result)

    def describe(self) -> list[str]:
        """Return a line for each search."""
        return [one.describe() for one in self.searches]
