"""Successive halving in blocks: which trials go on; the order in which they end has no effect.

Consecutive trials form a block, of as many trials as all rungs together reduce to one. At each rung
the best of the block go on. Blocks do not wait for each other, and no decision depends on which
trial happens to be finished: it is made when every trial of the block has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.ledger.status import Status

if TYPE_CHECKING:
    from gensweep.search.trials import Trial
    from gensweep.sweep.search import Search


def list_block(
    search: Search, trials: Sequence[Trial], block: int
) -> list[Trial] | None:
    """Return the trials of a block; None if some of them were not asked for yet."""
    start = block * search.block
    end = min(start + search.block, search.trials)
    if len(trials) < end:
        return None
    return list(trials[start:end])


def choose_promoted(
    search: Search, block: Sequence[Trial], level: int
) -> list[Trial] | None:
    """Return the trials of a block that go on from a level; None if one of them is not finished.

    The last block may be smaller than the others; then fewer trials go on. Trials that failed or
    diverged do not go on. Of trials with the same values, one goes on.

    Args:
        search: the search.
        block: all trials of the block.
        level: 0 is the first rung.
    """
    candidates = [trial for trial in block if len(trial.levels) > level]
    if any(trial.levels[level].is_pending for trial in candidates):
        return None
    count = len(block) // search.reduction_factor ** (level + 1)
    return choose_best(search, candidates, level, count)


def choose_best(
    search: Search, trials: Sequence[Trial], level: int, count: int
) -> list[Trial]:
    """Return the best trials at a level, the best first; of equal ones the earliest."""
    sign = -1.0 if search.direction == "max" else 1.0
    finished = [
        trial
        for trial in trials
        if len(trial.levels) > level
        and trial.levels[level].status == Status.OK
    ]
    finished.sort(
        key=lambda trial: (
            sign * (trial.levels[level].value or 0.0),
            trial.number,
        )
    )
    best = {}
    for trial in finished:
        best.setdefault(trial.cell, trial)
    return list(best.values())[:count]


def get_deciding_level(
    search: Search, number: int, earlier: int
) -> int | None:
    """Return the highest level of an earlier trial whose outcome may decide a trial's values.

    It depends on the two numbers alone, so that the values do not depend on who finished when. The
    first level counts when `window` trials were asked for since. Each further level counts one
    block later: its trainings are as long as those of a block at the first level.

    Args:
        search: the search.
        number: the number of the trial that is asked for.
        earlier: the number of the other trial.

    Returns:
        The level; None: the trial counts as unfinished.
    """
    window = search.window or 0
    if earlier > number - window:
        return None
    block_end = (earlier // search.block + 1) * search.block - 1
    blocks_since = (number - window - block_end) // search.block
    return min(max(blocks_since, 0), len(search.levels) - 1)
