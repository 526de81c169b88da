"""Marks of the values that cannot be told from the best one of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gensweep.report.measurement import Measurement
from gensweep.report.stats.contenders import compute_exclusion_p
from gensweep.report.stats.findings import SIGNIFICANCE_LEVEL
from gensweep.report.stats.runs import Runs

if TYPE_CHECKING:
    from gensweep.report.results import Results

MARK_NOTE = (
    "Bold: cells that these seeds cannot tell from the best one of their model and dataset "
    "(comparison with the best: each cell against every other, one-sided paired t-tests over "
    "seeds, Bonferroni, 95% confidence). A cell of one seed is not marked, and none where no cell "
    "can be excluded."
)
MAX_CELLS_COMPARED = 2000
"""More cells than this are not compared: the pairs grow with their square."""


def mark_contenders(
    results: Results,
    metric: str,
    cells: Sequence[str],
    values: Sequence[object],
) -> list[object]:
    """Return the values of a column, with marks on those that cannot be told from the best.

    Args:
        results: the sweep's.
        metric: the metric of the column, or an objective.
        cells: id of the cell of each value.
        values: the measurements, and others where there is none.
    """
    contenders = find_contending_cells(results, metric, tuple(cells))
    marked: list[object] = []
    for cell, value in zip(cells, values, strict=True):
        if isinstance(value, Measurement) and cell in contenders:
            marked.append(replace(value, is_contender=True))
        else:
            marked.append(value)
    return marked


@lru_cache(maxsize=64)
def find_contending_cells(
    results: Results, metric: str, cells: tuple[str, ...]
) -> frozenset[str]:
    """Return the cells that cannot be told from the best of their model and dataset.

    Empty for a group of which no cell can be excluded: there is nothing to tell apart.
    """
    sign = {"max": 1, "min": -1, "none": 0}[
        results.described[metric].direction
    ]
    if not sign:
        return frozenset()
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        declared = results.sweep.cells[results.index_of[cell]]
        key = (declared.model, repr(declared.params.get("dataset")))
        groups.setdefault(key, []).append(cell)
    contending: set[str] = set()
    for members in groups.values():
        if 1 < len(members) <= MAX_CELLS_COMPARED:
            contending.update(
                _select_contenders(_get_runs(results), metric, members, sign)
            )
    return frozenset(contending)


@lru_cache(maxsize=1)
def _get_runs(results: Results) -> Runs:
    return Runs(results)


def _select_contenders(
    runs: Runs, metric: str, cells: Sequence[str], sign: int
) -> list[str]:
    """Return the cells of one group that cannot be told from its best."""
    by_cell = [dict(runs.iter_values(cell, metric)) for cell in cells]
    seeds = sorted({seed for values in by_cell for seed in values})
    table = np.full((len(seeds), len(cells)), np.nan)
    for column, values in enumerate(by_cell):
        for row, seed in enumerate(seeds):
            table[row, column] = values.get(seed, np.nan)
    if len(seeds) < 2:
        return []
    p_values = compute_exclusion_p(table, sign)
    if not (p_values < SIGNIFICANCE_LEVEL).any():
        return []
    # A comparison with NaN is false: a cell that cannot be tested gets no mark.
    return [
        cell
        for cell, p in zip(cells, p_values, strict=True)
        if p >= SIGNIFICANCE_LEVEL
    ]
