"""The share of variance that one parameter explains, from values that were drawn, not crossed.

Plischke, Borgonovo and Smith, "Global sensitivity measures from given data" (2013): sort the
trials by the parameter, cut them into groups of equal size, and compare the variance between the
groups' means with the total. Noise has a share of its own, which grows with the number of groups,
so a permutation of the values shows what chance alone would give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gensweep.report.stats.axes import is_numeric

MIN_TRIALS = 8
"""With fewer trials no share is computed."""
PERMUTATIONS = 999
CHANCE_QUANTILE = 0.95


@dataclass(frozen=True)
class GivenShare:
    """The share of a parameter.

    Attributes:
        share: of the variance of the ranks of the values, in 0..1.
        chance: the share that a parameter without any effect stays below in 95% of cases.
        trials: number of trials.
    """

    share: float
    chance: float
    trials: int


def compute_share(
    parameters: Sequence[Any], values: Sequence[float]
) -> GivenShare | None:
    """Return the share of the variance of the values' ranks that a parameter explains.

    Ranks, as one trial that diverges would otherwise decide everything.

    Args:
        parameters: the parameter's value in each trial [trials].
        values: the result of each trial [trials], finite.

    Returns:
        None for fewer than `MIN_TRIALS` trials, or if either does not vary.
    """
    from scipy.stats import rankdata

    groups = group_values(parameters)
    ranks = rankdata(np.asarray(values, float))
    centred = ranks - ranks.mean()
    total = float(centred @ centred)
    if len(ranks) < MIN_TRIALS or total == 0 or groups.max() == 0:
        return None
    share = _compute_eta(groups, centred, total)
    draws = np.random.Generator(np.random.PCG64(0))
    by_chance = [
        _compute_eta(groups, draws.permutation(centred), total)
        for _ in range(PERMUTATIONS)
    ]
    chance = float(np.quantile(by_chance, CHANCE_QUANTILE))
    return GivenShare(share, chance, len(ranks))


def group_values(parameters: Sequence[Any]) -> np.ndarray:
    """Return the group of each trial: its value, or a part of the sorted numbers if they are many.

    Numbers get about as many groups as the square root of their count.
    """
    texts = [str(value) for value in parameters]
    distinct = sorted(set(texts))
    count = max(2, round(math.sqrt(len(texts))))
    if len(distinct) <= count or not is_numeric(parameters):
        return np.array([distinct.index(text) for text in texts])
    order = np.argsort(np.asarray(parameters, float), kind="stable")
    groups = np.empty(len(texts), int)
    for number, members in enumerate(np.array_split(order, count)):
        groups[members] = number
    return groups


def _compute_eta(
    groups: np.ndarray, centred: np.ndarray, total: float
) -> float:
    """Return the share of the squares that lies between the groups."""
    sums = np.bincount(groups, centred)
    sizes = np.bincount(groups)
    return float((sums**2 / sizes).sum()) / total
