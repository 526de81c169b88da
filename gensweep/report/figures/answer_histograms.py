"""Histograms of right and predicted answers, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gensweep.report.figures.data import Mark, Series
from gensweep.report.figures.files import Answers

MIN_ANSWER, MAX_ANSWER = -99, 198
"""The range of right answers."""
INTEGERS_PER_BAR = 10
"""Width of a bar of the histogram."""


def make_histogram(answers: Sequence[Answers]) -> list[Series]:
    """Return bars of the right answers, and steps of the predicted ones."""
    # Edges lie between integers, so that no answer lies on an edge.
    edges = (
        np.arange(MIN_ANSWER, MAX_ANSWER + INTEGERS_PER_BAR, INTEGERS_PER_BAR)
        - 0.5
    )
    true = np.concatenate([one.true for one in answers])
    predicted = np.concatenate([one.predicted for one in answers])
    true_shares = _compute_shares(true, edges)
    predicted_shares = _compute_shares(predicted, edges)
    return [
        Series("right answers", edges, true_shares, mark=Mark.BARS),
        Series("predicted answers", edges, predicted_shares, mark=Mark.STEPS),
    ]


def is_on_bar(values: np.ndarray) -> np.ndarray:
    """Return which answers lie in the range of the bars."""
    return (values >= MIN_ANSWER) & (values <= MAX_ANSWER)


def _compute_shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the share of all values that lies in each bar [bars]."""
    counts, _ = np.histogram(values[is_on_bar(values)], edges)
    return counts / len(values)
