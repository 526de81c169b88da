"""One-way tests: do cells differ by more than their seeds do?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gensweep.report.stats.contrasts import NO_SPREAD


@dataclass(frozen=True)
class OneWayTest:
    """One-way layout: cells against seeds.

    Attributes:
        test: name, with the degrees of freedom.
        f: Brown and Forsythe's statistic; for two cells the square of Welch's t.
        between: its degrees of freedom between cells.
        within: its degrees of freedom within cells.
        eta_squared: share of the sum of squares that lies between cells, in 0..1; noise raises it.
        icc: intraclass correlation, one-way: the same share corrected for noise, at most 1 and
            sometimes negative.
        p: of the test; for three cells or more the larger one of two.
    """

    test: str
    f: float
    between: float
    within: float
    eta_squared: float
    icc: float
    p: float


def compare_cells(cells: Iterable[Sequence[float]]) -> OneWayTest | None:
    """Test whether cells differ by more than their seeds do.

    Cells need not be equally noisy, so Fisher's pooled F is not used. The statistic is Brown and
    Forsythe's (1974) with Mehrotra's (1997) degrees of freedom. It may err too often if a few of
    many cells have all the noise, so Kruskal and Wallis' ranks must agree: the larger p counts.
    Welch's analysis of variance divides by each cell's own variance, which two or three seeds
    estimate badly: of 25 equal cells of two seeds, it finds a difference in 70% of cases. Two cells
    are compared by Welch's t on the smaller cell's degrees of freedom, as ranks of three and three
    cannot go below p = 0.0495. The seeds' common share stays in the spread within cells, which
    makes the tests stricter. The intraclass correlation is ICC(1) of Shrout and Fleiss (1979), for
    cells of unequal size.

    Args:
        cells: the values over seeds of each; cells with fewer than two values do not count.

    Returns:
        The test; None if fewer than two cells count, or if the seeds of every cell agree exactly.
    """
    from scipy.special import fdtrc

    groups = [
        np.asarray(values, float) for values in cells if len(values) > 1
    ]
    if len(groups) < 2:
        return None
    count = len(groups)
    sizes = np.array([len(values) for values in groups])
    total = sizes.sum()
    means = np.array([values.mean() for values in groups])
    squares_by_group = []
    for values, mean in zip(groups, means, strict=True):
        deviations = values - mean
        squares_by_group.append((deviations**2).sum())
    squares = np.array(squares_by_group)
    inside = float(squares.sum())
    grand_mean = sizes @ means / total
    outside = float((sizes * (means - grand_mean) ** 2).sum())
    scales = np.array([np.abs(values).max() for values in groups])
    # Rounding alone leaves a spread of this size in a cell.
    if (squares <= (NO_SPREAD * scales) ** 2 * sizes).all():
        return None
    variance_within = inside / (total - count)
    fisher = outside / (count - 1) / variance_within
    # Shrout and Fleiss' n0: the size of cells for cells of unequal size.
    mean_size = (total - (sizes**2).sum() / total) / (count - 1)
    variances = squares / (sizes - 1)
    f, between, within = _compute_brown_forsythe(outside, variances, sizes)
    name = f"Brown-Forsythe F({between:.3g}, {within:.3g})"
    if count == 2:
        within = float(sizes.min() - 1)
        name = f"Welch's t({within:.0f})"
    p = float(fdtrc(between, within, f))
    if count > 2:
        # Half a second to import, and rarely needed.
        from scipy.stats import kruskal

        name = f"{name} and Kruskal-Wallis, the larger p"
        p = max(p, float(kruskal(*groups).pvalue))
    eta_squared = outside / (outside + inside)
    icc = float((fisher - 1) / (fisher + mean_size - 1))
    return OneWayTest(name, f, between, within, eta_squared, icc, p)


def _compute_brown_forsythe(
    outside: float, variances: np.ndarray, sizes: np.ndarray
) -> tuple[float, float, float]:
    """Return Brown and Forsythe's F and its degrees of freedom, between (Mehrotra) and within.

    Args:
        outside: sum of squares between cells.
        variances: of each cell [cells].
        sizes: number of seeds of each cell [cells].
    """
    part = sizes / sizes.sum()
    spread = float(((1 - part) * variances).sum())
    between = (
        (variances**2).sum()
        + (part @ variances) ** 2
        - 2 * part @ variances**2
    )
    within = (((1 - part) * variances) ** 2 / (sizes - 1)).sum()
    return (
        outside / spread,
        float(spread**2 / between),
        float(spread**2 / within),
    )
