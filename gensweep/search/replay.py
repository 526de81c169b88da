"""The state of a search: it follows from the sweep file and the records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gensweep.ledger.search_log import SearchInfo
from gensweep.search.halving import (
    choose_best,
    choose_promoted,
    get_deciding_level,
    list_block,
)
from gensweep.search.outcomes import Outcomes
from gensweep.search.sampling import choose_values
from gensweep.search.trials import (
    Confirmed,
    Trial,
    describe_search,
    restore_trials,
)
from gensweep.sweep.point import Point
from gensweep.sweep.search import Search
from gensweep.system.garbage import pause_collection

ReadOutcomes = Callable[[list[Point]], Outcomes]
"""Takes points, and returns what their records say."""


@dataclass(frozen=True)
class Progress:
    """The progress of a search.

    Attributes:
        finished: trials that ended.
        best: the best trial at the highest level that any trial has finished; None: no trial has.
        value: its value.
    """

    finished: int
    best: Trial | None = None
    value: float | None = None


class Replay:
    """A search, with the trials that were asked for.

    Args:
        search: the search.
        info: the log's entry, whose trials are continued; None: derive all trials.
    """

    def __init__(
        self, search: Search, info: SearchInfo | None = None
    ) -> None:
        self.search = search
        self.trials: list[Trial] = []
        self.confirmed: list[Confirmed] = []
        if info is not None:
            self.trials = restore_trials(search, info)

    def list_points(self) -> list[Point]:
        """Return the points of all trials, then those of the confirmation."""
        points = [
            point
            for trial in self.trials
            for one in trial.levels
            for point in one.points
        ]
        for confirmed in self.confirmed:
            points += confirmed.points
        return list({point.id: point for point in points}.values())

    def list_selection_points(self) -> set[str]:
        """Return the ids of the points by which trials are chosen."""
        return {
            point.id
            for trial in self.trials
            for one in trial.levels
            for point in one.points
        }

    def list_rungs(self) -> set[str]:
        """Return the ids of the points from which trials may go on to the next level."""
        last = len(self.search.levels) - 1
        return {
            point.id
            for trial in self.trials
            for one in trial.levels[:last]
            for point in one.points
        }

    def refresh(self, read: ReadOutcomes) -> None:
        """Take the outcomes of all trials from the records."""
        outcomes = read(self.list_points())
        for trial in self.trials:
            trial.refresh(outcomes)

    def advance(self, read: ReadOutcomes) -> None:
        """Ask for every trial, level and confirmation that the records allow.

        Raises:
            UserError: Optuna is needed and not installed.
        """
        with pause_collection():
            self._advance(read)

    def _advance(self, read: ReadOutcomes) -> None:
        self.refresh(read)
        has_changed = True
        while has_changed:
            # In this order: what a trial may be told includes which trials went on.
            new = [*self._promote(), *self._ask()]
            if new:
                outcomes = read(
                    [
                        point
                        for trial in new
                        for point in trial.levels[-1].points
                    ]
                )
                for trial in new:
                    last = trial.levels[-1]
                    ids = [point.id for point in last.points]
                    last.outcome = outcomes.judge(ids, self.search.metric)
            has_changed = bool(new)
        self._choose_confirmed()

    def describe(self) -> SearchInfo:
        """Return the entry of the log."""
        return describe_search(self.search, self.trials, self.confirmed)

    def measure_progress(self) -> Progress:
        """Return how far the search is."""
        finished = sum(
            not trial.levels[-1].is_pending for trial in self.trials
        )
        for level in reversed(range(len(self.search.levels))):
            best = choose_best(self.search, self.trials, level, 1)
            if best:
                return Progress(
                    finished, best[0], best[0].levels[level].value
                )
        return Progress(finished)

    # --- the three steps

    def _ask(self) -> Iterable[Trial]:
        """Add the trials whose values are decided by what is known."""
        new = []
        while len(self.trials) < self.search.trials and self._may_ask(
            len(self.trials)
        ):
            number = len(self.trials)
            drawn, sampler = choose_values(self.search, self.trials, number)
            trial = Trial(self.search, number, drawn, sampler)
            trial.reach(0)
            self.trials.append(trial)
            new.append(trial)
        return new

    def _may_ask(self, number: int) -> bool:
        """Return whether every outcome is known that decides a trial's values."""
        if self.search.window is None:
            return True
        for trial in self.trials:
            level = get_deciding_level(self.search, number, trial.number)
            if level is None:
                break
            if any(one.is_pending for one in trial.levels[: level + 1]):
                return False
            is_decided = len(trial.levels) > level or self._is_decided(
                trial.number, level
            )
            if not is_decided:
                return False
        return True

    def _is_decided(self, number: int, level: int) -> bool:
        """Return whether it is known that a trial does not reach a level."""
        block = list_block(
            self.search, self.trials, number // self.search.block
        )
        if block is None:
            return False
        return all(
            choose_promoted(self.search, block, lower) is not None
            for lower in range(level)
        )

    def _promote(self) -> Iterable[Trial]:
        """Add the next level to the trials that go on."""
        new = []
        last_block = (len(self.trials) - 1) // self.search.block
        for number in range(last_block + 1):
            block = list_block(self.search, self.trials, number)
            if block is None:
                continue
            for level in range(len(self.search.levels) - 1):
                for trial in choose_promoted(self.search, block, level) or ():
                    if len(trial.levels) == level + 1 and self._has_place(
                        block, level
                    ):
                        trial.reach(level + 1)
                        new.append(trial)
        return new

    def _has_place(self, block: list[Trial], level: int) -> bool:
        """Return whether another trial of a block may go on from a level.

        A trial that went on already stays there, even if a failed one was trained again since and
        is better now.
        """
        count = len(block) // self.search.reduction_factor ** (level + 1)
        return sum(len(trial.levels) > level + 1 for trial in block) < count

    def _choose_confirmed(self) -> None:
        """Choose the trials to train again, as soon as every trial has ended."""
        self.confirmed = []
        is_complete = len(self.trials) == self.search.trials
        if not is_complete or any(
            one.levels[-1].is_pending for one in self.trials
        ):
            return
        last = len(self.search.levels) - 1
        for trial in choose_best(
            self.search, self.trials, last, self.search.confirm_best
        ):
            points = self.search.make_points(
                trial.drawn, -1, self.search.confirm_seeds
            )
            self.confirmed.append(Confirmed(trial, points))
