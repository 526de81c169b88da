"""The paired test of two levels: how much better the first is, at each seed that has both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contrasts import (
    Contrast,
    compute_rank_biserial,
    estimate_contrast,
)
from gensweep.report.stats.findings import Finding, add_test
from gensweep.report.stats.runs import Runs


def compute_weights(block: Block, first: str) -> np.ndarray:
    """Return the weights [levels] of the first level minus the second."""
    # Levels are sorted by name.
    return np.array(
        [1.0 if level == first else -1.0 for level in block.levels]
    )


def estimate_difference(block: Block, first: str) -> Contrast:
    """Return the mean difference of two levels over the seeds, the first minus the second."""
    return estimate_contrast(block.values, compute_weights(block, first))


def add_paired_test(
    finding: Finding,
    contrast: Contrast,
    advantages: Sequence[float],
    runs: Runs,
    pair: tuple[str, str],
    metric: str,
) -> Finding:
    """Return the finding with the test of a paired difference, and its size.

    Args:
        finding: with an answer.
        contrast: the difference, the first minus the second.
        advantages: how much better the first is, pair by pair.
        runs: the results.
        pair: the names of the first and the second.
        metric: what is compared; it has a direction.
    """
    first, second = pair
    finding = replace(
        finding,
        estimate_name=f"mean difference of {metric}, {first} minus {second}",
        effect=compute_rank_biserial(advantages),
        effect_name=f"rank-biserial correlation, positive where {first} is better",
    )
    margin = runs.results.sweep.margin.get(metric, np.nan)
    sign = runs.get_sign(metric)
    return add_test(finding, contrast, sign, "paired difference", margin)
