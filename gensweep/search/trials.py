"""Trials of a search in memory, and their entries in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gensweep.ledger.search_log import (
    PENDING,
    ConfirmedInfo,
    LevelInfo,
    SearchInfo,
    TrialInfo,
)
from gensweep.search.outcomes import Outcome, Outcomes
from gensweep.sweep.point import Point
from gensweep.sweep.search import Search

UNKNOWN = Outcome(PENDING)


@dataclass
class Level:
    """A trial at one level: its points, and how they ended."""

    epochs: int
    points: list[Point]
    outcome: Outcome = UNKNOWN

    @property
    def status(self) -> str:
        """The status of the outcome."""
        return self.outcome.status

    @property
    def value(self) -> float | None:
        """The value of the search's metric; None unless all points are ok."""
        return self.outcome.value

    @property
    def is_pending(self) -> bool:
        """Return whether some of the points are not finished."""
        return self.outcome.is_pending


@dataclass
class Trial:
    """A trial of a search.

    Attributes:
        number: 0, 1, ... in the order of asking.
        drawn: the values of the dimensions that act.
        sampler: the name and version of what chose them.
        levels: the levels that it has reached, the first rung first.
    """

    search: Search
    number: int
    drawn: dict[str, Any]
    sampler: str
    levels: list[Level] = field(default_factory=list)

    @cached_property
    def cell(self) -> str:
        """The id of the cell that is trained for all epochs."""
        return self.search.make_points(self.drawn, -1, self.search.seeds)[
            0
        ].cell

    def reach(self, level: int) -> None:
        """Add the next level."""
        points = self.search.make_points(self.drawn, level, self.search.seeds)
        self.levels.append(Level(self.search.levels[level], points))

    def refresh(self, outcomes: Outcomes) -> None:
        """Take the outcomes of all levels from the records."""
        for level in self.levels:
            ids = [point.id for point in level.points]
            level.outcome = outcomes.judge(ids, self.search.metric)


@dataclass(frozen=True)
class Confirmed:
    """A trial that is trained again with fresh seeds."""

    trial: Trial
    points: list[Point]


def restore_trials(search: Search, info: SearchInfo) -> list[Trial]:
    """Return the trials of a log.

    If the number of wanted trials has changed, trials of a block that is or was incomplete start
    at their first level again: another number of them goes on now.
    """
    trials = []
    complete = min(info.wanted, search.trials) // search.block * search.block
    has_changed = info.wanted != search.trials
    for entry in info.trials[: search.trials]:
        trial = Trial(search, entry.number, entry.params, entry.sampler)
        levels = len(entry.levels)
        if has_changed and entry.number >= complete:
            levels = 1
        for level in range(min(levels, len(search.levels))):
            trial.reach(level)
        trials.append(trial)
    return trials


def describe_search(
    search: Search, trials: Sequence[Trial], confirmed: Sequence[Confirmed]
) -> SearchInfo:
    """Return the entry of the log."""
    return SearchInfo(
        model=search.model,
        metric=search.metric,
        direction="max" if search.direction == "max" else "min",
        wanted=search.trials,
        dimensions={
            key: repr(one) for key, one in search.space.dimensions.items()
        },
        identity=search.describe_identity(),
        trials=[_describe_trial(trial) for trial in trials],
        confirmed=[
            ConfirmedInfo(
                number=one.trial.number,
                cell=one.trial.cell,
                points=[point.id for point in one.points],
            )
            for one in confirmed
        ],
    )


def _describe_trial(trial: Trial) -> TrialInfo:
    levels = [
        LevelInfo.model_validate(
            {
                "epochs": level.epochs,
                "points": [point.id for point in level.points],
                "status": level.status,
                "value": level.value,
                "codes": list(level.outcome.codes),
            }
        )
        for level in trial.levels
    ]
    return TrialInfo(
        number=trial.number,
        params=trial.drawn,
        sampler=trial.sampler,
        levels=levels,
    )
