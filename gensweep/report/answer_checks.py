"""Compare a point's answers.csv with its record, since another file may have taken its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gensweep.report.results import Results

RIGHT_SHARES = ("exact_match", "read_exact_match")
"""Metrics that are the share of right lines in answers.csv; a model has one of them."""
TOLERANCE = 0.005
"""Rounding may change some answers when `evaluate` runs on another machine."""


def list_right_shares(results: Results) -> dict[str, float]:
    """Return point -> the share of right answers in its record, where it has one."""
    shares: dict[str, float] = {}
    points = results.points
    for name in RIGHT_SHARES:
        if name in points:
            measured = points[points[name].notna()]
            pairs = zip(measured["id"], measured[name], strict=True)
            shares.update((point, float(share)) for point, share in pairs)
    return shares


def explain_contradiction(
    right: np.ndarray, recorded: float | None
) -> str | None:
    """Return why these are not the answers of a record; None if they may be.

    Args:
        right: whether each line of answers.csv is right, bool [lines].
        recorded: the share of right answers in the record; None: it has none.
    """
    if recorded is None:
        return None
    share = float(right.mean())
    if abs(share - recorded) <= TOLERANCE:
        return None
    return f"{share:.4g} of its answers are right, but the record says {recorded:.4g}"
