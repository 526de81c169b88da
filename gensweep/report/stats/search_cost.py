"""The cost of a search in epochs, and the best value that it had for each cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gensweep.ledger.search_log import SearchInfo, TrialInfo


@dataclass(frozen=True)
class Step:
    """A trial that reached a level.

    Attributes:
        trial: its number.
        level: the level's number.
        cost: epochs that the search has trained by then, over all seeds.
        value: of the trial at the level; NaN without one.
    """

    trial: int
    level: int
    cost: int
    value: float


def count_block(search: SearchInfo) -> int:
    """Return how many consecutive trials are compared with each other."""
    levels = len(search.identity.get("levels", []))
    factor = int(search.identity.get("reduction_factor", 1))
    return factor ** max(0, levels - 1)


def list_steps(search: SearchInfo) -> list[Step]:
    """Return what a search trained, in the order of its numbers and not of the clock.

    Blocks come one after another. Within a block, all trials reach the first level, then some
    the next. A level costs the epochs after the one before, for each of its points.
    """
    size = count_block(search)
    steps: list[Step] = []
    cost = 0
    for start in range(0, len(search.trials), size):
        block = search.trials[start : start + size]
        highest = max(len(trial.levels) for trial in block)
        for level in range(highest):
            for trial in block:
                if len(trial.levels) <= level:
                    continue
                cost += _count_epochs(trial, level)
                value = trial.levels[level].value
                number = math.nan if value is None else value
                steps.append(Step(trial.number, level, cost, number))
    return steps


def _count_epochs(trial: TrialInfo, level: int) -> int:
    """Return the epochs that a trial's step to a level takes, over its seeds."""
    before = trial.levels[level - 1].epochs if level else 0
    reached = trial.levels[level]
    return (reached.epochs - before) * len(reached.points)


def count_empty_blocks(search: SearchInfo) -> int:
    """Return how many blocks have ended without a value at the last level."""
    full = len(search.trials) // count_block(search)
    values, _ = list_unit_values(search)
    return full - len(values)


def list_unit_values(search: SearchInfo) -> tuple[list[float], float]:
    """Return the best value of each complete block at the last level, and a block's mean cost.

    With values drawn at random, blocks are independent and alike, so their values are a sample.
    Without rungs, a block is one trial.

    Returns:
        The values of complete blocks, and epochs per block; no values if no block is complete.
    """
    size = count_block(search)
    last = len(search.identity.get("levels", [])) - 1
    choose = max if search.direction == "max" else min
    by_block: dict[int, list[float]] = {}
    costs: dict[int, int] = {}
    before = 0
    for step in list_steps(search):
        block = step.trial // size
        costs[block] = costs.get(block, 0) + step.cost - before
        before = step.cost
        if step.level == last and not math.isnan(step.value):
            by_block.setdefault(block, []).append(step.value)
    full = len(search.trials) // size
    complete = {block: by_block[block] for block in by_block if block < full}
    values = [choose(numbers) for numbers in complete.values()]
    if not values:
        return [], 0.0
    return values, sum(costs[block] for block in complete) / len(complete)
