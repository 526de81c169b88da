"""The share of the variance that each parameter of a full grid has, and each pair of them.

The decomposition is exact: a grid needs no model of its numbers, as functional ANOVA of a random
forest does (Hutter, Hoos and Leyton-Brown 2014). Each seed has the complete grid, so each seed
gives shares of its own, and their interval over seeds is Student's.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from gensweep.report.stats.blocks import Block
from gensweep.report.summary import CONFIDENCE, find_exponent

REST = ("rest",)
"""What neither an axis nor a pair of axes explains: higher interactions, and noise."""


@dataclass(frozen=True)
class FullGrid:
    """Every combination of some values, for every seed.

    Attributes:
        axes: the parameters.
        levels: the values of each, as blocks have them.
        seeds: the seeds.
        values: [seeds, levels of the first axis, ...].
        left_out: values that are not part of it.
    """

    axes: tuple[str, ...]
    levels: list[list[Hashable]]
    seeds: list[int]
    values: np.ndarray
    left_out: int


@dataclass(frozen=True)
class Share:
    """A share of the variance between cells, in 0..1.

    Attributes:
        axes: one axis, a pair of them, or `REST`.
        mean: over seeds.
        low: lower end of its 95% confidence interval; NaN with one seed.
        high: upper end.
        by_seed: of each seed [seeds].
    """

    axes: tuple[str, ...]
    mean: float
    low: float
    high: float
    by_seed: np.ndarray


@dataclass(frozen=True)
class Decomposition:
    """The shares of a grid; they add up to 1 within each seed.

    Attributes:
        grid: what they are of.
        shares: of each axis, of each pair, and of the rest.
    """

    grid: FullGrid
    shares: list[Share]

    def find(self, axes: Sequence[str]) -> Share | None:
        """Return the share of an axis or of a pair in any order; None if it is not in the grid."""
        for share in self.shares:
            if set(share.axes) == set(axes):
                return share
        return None


def select_grid(axes: tuple[str, ...], block: Block) -> FullGrid | None:
    """Return the largest full grid that removing values one by one leaves of a block.

    Args:
        axes: the parameters.
        block: its levels are tuples of their values.

    Returns:
        The grid, of the axes that still have several values; None if none has.
    """
    present = set(block.levels)
    while present:
        values = [
            sorted({level[axis] for level in present})
            for axis in range(len(axes))
        ]
        worst = _find_emptiest(present, values)
        if worst is None:
            return _make_grid(axes, values, block)
        axis, value = worst
        present = {level for level in present if level[axis] != value}
    return None


def _find_emptiest(
    present: set[tuple[Hashable, ...]], values: list[list]
) -> tuple[int, Hashable] | None:
    """Return the axis and value with the largest share of absent cells; None if all are there."""
    total = int(np.prod([len(options) for options in values]))
    if len(present) == total:
        return None
    emptiest, largest = None, -1.0
    for axis, options in enumerate(values):
        for value in options:
            cells = sum(level[axis] == value for level in present)
            absent = 1 - cells * len(options) / total
            # The only value of an axis cannot go: the grid would be empty.
            if len(options) > 1 and absent > largest:
                emptiest, largest = (axis, value), absent
    return emptiest


def _make_grid(
    axes: tuple[str, ...], values: list[list], block: Block
) -> FullGrid | None:
    used = [axis for axis, options in enumerate(values) if len(options) > 1]
    if not used:
        return None
    index_of = {level: index for index, level in enumerate(block.levels)}
    columns = [index_of[level] for level in itertools.product(*values)]
    shape = (len(block.seeds), *(len(values[axis]) for axis in used))
    taken = len(columns) / len(block.levels)
    return FullGrid(
        tuple(axes[axis] for axis in used),
        [values[axis] for axis in used],
        block.seeds,
        block.values[:, columns].reshape(shape),
        block.left_out + round(block.points * (1 - taken)),
    )


def decompose(grid: FullGrid) -> Decomposition | None:
    """Return the shares of variance of a grid; None if the cells of some seed do not differ.

    None, too, for a grid of one parameter: all variance between its cells is of this parameter,
    whether it matters or not.
    """
    count = len(grid.axes)
    if count < 2:
        return None
    values = np.ldexp(grid.values, -find_exponent(grid.values))
    inner = tuple(range(1, count + 1))
    centred = values - values.mean(inner, keepdims=True)
    total = (centred**2).mean(inner)
    # Of each seed: one with huge values must not hide what the others show.
    scale = np.abs(values).max(inner, initial=0.0)
    if not len(total) or (total <= (1e-12 * scale) ** 2).any():
        return None
    main = {axis: _average_others(centred, (axis,)) for axis in range(count)}
    by_axes: dict[tuple[int, ...], np.ndarray] = {}
    for axis in range(count):
        by_axes[(axis,)] = _mean_square(main[axis])
    for pair in itertools.combinations(range(count), 2):
        effect = (
            _average_others(centred, pair) - main[pair[0]] - main[pair[1]]
        )
        by_axes[pair] = _mean_square(effect)
    shares = []
    rest = np.ones(len(total))
    for axes, squares in by_axes.items():
        by_seed = squares / total
        rest = rest - by_seed
        shares.append(
            _summarize(tuple(grid.axes[axis] for axis in axes), by_seed)
        )
    if count > 2:
        shares.append(_summarize(REST, np.maximum(rest, 0.0)))
    return Decomposition(grid, shares)


def _average_others(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return the mean over all axes but these, with their places left as 1."""
    others = tuple(
        axis + 1 for axis in range(values.ndim - 1) if axis not in axes
    )
    return values.mean(others, keepdims=True)


def _mean_square(effect: np.ndarray) -> np.ndarray:
    return (effect**2).mean(tuple(range(1, effect.ndim)))


def _summarize(axes: tuple[str, ...], by_seed: np.ndarray) -> Share:
    """Return a share with Student's interval, cut to what a share can be."""
    from scipy.special import stdtrit

    mean, seeds = float(by_seed.mean()), len(by_seed)
    if seeds < 2:
        return Share(axes, mean, np.nan, np.nan, by_seed)
    error = float(by_seed.std(ddof=1)) / np.sqrt(seeds)
    half_width = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)) * error
    return Share(
        axes,
        mean,
        max(0.0, mean - half_width),
        min(1.0, mean + half_width),
        by_seed,
    )
