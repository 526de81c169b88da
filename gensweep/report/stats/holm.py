"""Holm's correction of p-values for many tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def apply_holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's (1979) adjusted p-values.

    NaN stands for a question without a test: it stays NaN and does not count as a test.
    """
    p = np.asarray(p_values, float)
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    if not len(order):
        return adjusted.tolist()
    # The smallest p is multiplied by the number of tests, the next one by one less, and so on.
    steps = p[order] * np.arange(len(order), 0, -1)
    # An adjusted p is never smaller than that of a surer test.
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted.tolist()
