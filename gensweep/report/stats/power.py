"""Power: how many seeds would decide a question, and what the planned seeds can find.

The power of a test is how often it decides a question if there is an effect of a given size
(Colas, Sigaud and Oudeyer 2018, "How many random seeds? Statistical power analysis in deep
reinforcement learning experiments"). An observed effect and spread are estimates themselves: from
few seeds, the number of seeds that they give is rough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

POWER = 0.8
"""How often a question should be decided."""
MAX_SEEDS = 1000
"""More seeds than this are not named."""
SURE_SHIFT = 20.0
"""An effect of this many standard errors is found, unless the bound is as far away."""


@dataclass(frozen=True)
class DifferenceSize:
    """A difference or slope that is tested by Student's t over seeds.

    Attributes:
        effect: its size over its standard deviation between seeds; its sign does not matter.
        margin: the margin of equality over the same standard deviation; NaN without a margin.
        sides: 2, or 1 if only one direction counts.
        comparisons: tests that share the significance level (Bonferroni).
    """

    effect: float
    margin: float = math.nan
    sides: int = 2
    comparisons: int = 1

    @property
    def is_zero(self) -> bool:
        """True if there is nothing that more seeds could find."""
        return self.effect == 0 and not self.margin > 0

    def count_seeds(self, level: float) -> int | None:
        """Return the seeds that decide it at this significance level; None if too many."""
        effect, each = abs(self.effect), level / self.comparisons
        counts = [
            _find_smallest(
                lambda n: compute_t_power(effect, n, each, self.sides)
            )
        ]
        if self.margin > effect:
            counts.append(
                _find_smallest(
                    lambda n: _compute_equality_power(
                        effect, self.margin, n, level
                    )
                )
            )
        known = [count for count in counts if count is not None]
        return min(known, default=None)


@dataclass(frozen=True)
class EffectSize:
    """An effect of several contrasts that is tested by F over seeds.

    Attributes:
        noncentrality: of F, per seed.
        between: degrees of freedom of the effect.
    """

    noncentrality: float
    between: float

    @property
    def is_zero(self) -> bool:
        """True if the observed effect is no larger than noise alone makes it."""
        return self.noncentrality == 0

    def count_seeds(self, level: float) -> int | None:
        """Return the seeds that decide it at this significance level; None if too many."""
        return _find_smallest(
            lambda n: _compute_f_power(
                self.noncentrality, self.between, n, level
            )
        )


def estimate_effect_size(
    f: float, between: float, within: float, seeds: int
) -> EffectSize:
    """Return the size of an effect with this F, without what noise alone adds to F."""
    expected = within / (within - 2) if within > 2 else 1.0
    excess = max(0.0, f / expected - 1)
    return EffectSize(excess * between / seeds, between)


def compute_t_power(
    effect: float, seeds: int, level: float, sides: int = 2
) -> float:
    """Return how often a t-test over seeds finds an effect.

    Args:
        effect: over the standard deviation between seeds; its sign counts if sides is 1.
        seeds: two or more.
        level: of significance, such as 0.05.
        sides: 1 or 2.
    """
    from scipy.special import nctdtr, stdtrit

    if sides == 2:
        return _compute_f_power(effect**2, 1.0, seeds, level)
    df, shift = seeds - 1, effect * math.sqrt(seeds)
    bound = float(stdtrit(df, 1 - level))
    if shift > SURE_SHIFT and shift > 2 * bound:
        return 1.0
    return 1 - float(nctdtr(df, shift, bound))


def _compute_f_power(
    noncentrality: float, between: float, seeds: int, level: float
) -> float:
    """Return how often F finds an effect.

    Args:
        noncentrality: of F, per seed.
        between: degrees of freedom of the effect.
        seeds: two or more.
        level: of significance.
    """
    from scipy.special import fdtri, ncfdtr

    within = between * (seeds - 1)
    bound = float(fdtri(between, within, 1 - level))
    shift = seeds * noncentrality
    # Where the answer is sure, the noncentral distribution loses its digits.
    if shift > SURE_SHIFT**2 and shift > 4 * between * bound:
        return 1.0
    return 1 - float(ncfdtr(between, within, shift, bound))


def _compute_equality_power(
    effect: float, margin: float, seeds: int, level: float
) -> float:
    """Return a lower bound of how often two one-sided tests find equality (Bonferroni)."""
    above_low = compute_t_power(margin + effect, seeds, level, 1)
    below_high = compute_t_power(margin - effect, seeds, level, 1)
    return above_low + below_high - 1


def compute_detectable_effect(
    seeds: int, level: float = 0.05, power: float = POWER
) -> float:
    """Return the smallest effect that a two-sided t-test over seeds finds with this power.

    Args:
        seeds: two or more.
        level: of significance.
        power: how often it is found.

    Returns:
        The effect over its standard deviation between seeds.
    """
    low, high = 0.0, 1.0
    while compute_t_power(high, seeds, level) < power:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        if compute_t_power(middle, seeds, level) < power:
            low = middle
        else:
            high = middle
    return high


def _find_smallest(compute_power: Callable[[int], float]) -> int | None:
    """Return the smallest number of seeds with the power; None above `MAX_SEEDS`."""
    low, high = 1, MAX_SEEDS
    if not compute_power(high) >= POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if compute_power(middle) >= POWER:
            high = middle
        else:
            low = middle
    return high
