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

    groups = [np.asarray(values, float) for values in cells if len(values) > 1]
    if len(groups) < 2:
        return None
    sizes = np.array([len(values) for values in groups])
    means, total = np.array([values.mean() for values in groups]), sizes.sum()
    squares = np.array(
        [((values - values.mean()) ** 2).sum() for values in groups]
    )
    outside = float((sizes * (means - sizes @ means / total) ** 2).sum())
    inside = float(squares.sum())
    scale = max(float(np.abs(values).max()) for values in groups)
    if inside <= (NO_SPREAD * scale) ** 2 * total:
        return None
    fisher = outside / (len(groups) - 1) / (inside / (total - len(groups)))
    mean_size = (total - (sizes**2).sum() / total) / (len(groups) - 1)
    f, between, within = _compute_brown_forsythe(
        outside, squares / (sizes - 1), sizes
    )
    name = f"Brown-Forsythe F({between:.3g}, {within:.3g})"
    if len(groups) == 2:
        within = float(sizes.min() - 1)
        name = f"Welch's t({within:.0f})"
    p = float(fdtrc(between, within, f))
    if len(groups) > 2:
        # Half a second to import, and rarely needed.
        from scipy.stats import kruskal

        name = f"{name} and Kruskal-Wallis, the larger p"
        p = max(p, float(kruskal(*groups).pvalue))
    icc = float((fisher - 1) / (fisher + mean_size - 1))
    return OneWayTest(
        name, f, between, within, outside / (outside + inside), icc, p
    )


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
        (variances**2).sum() + (part @ variances) ** 2 - 2 * part @ variances**2
    )
    within = (((1 - part) * variances) ** 2 / (sizes - 1)).sum()
    return (
        outside / spread,
        float(spread**2 / between),
        float(spread**2 / within),
    )
