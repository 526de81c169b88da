"""The wishes of an author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COMPUTER_MODERN, TIMES = "computer-modern", "times"
FONTS = {
    COMPUTER_MODERN: (("cmr10", "STIXGeneral"), "cm"),
    TIMES: (("STIXGeneral",), "stix"),
}
"""Name of a typeface -> matplotlib's fonts for text, and its set for mathematics.

Letters that a font lacks, such as ± in `cmr10`, come from the next one."""


@dataclass(frozen=True)
class KitOptions:
    """The choices of the command line.

    Attributes:
        columns: 1: tables and figures fit one column of two; 2: they may be as wide as the page.
        metrics: the metrics to show; empty: what each table shows in its compact form.
        labels: name -> text in tables, captions and figures.
        tables: names of tables; empty: the leaderboard and those of the sweep.
        rows: most rows of a ranking.
        comparisons: parameter and two values of it: questions that have macros, too.
        font: typeface of the figures, one of `FONTS`.
    """

    columns: int = 1
    metrics: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[str] = ()
    rows: int = 10
    comparisons: Sequence[tuple[str, Any, Any]] = ()
    font: str = COMPUTER_MODERN
