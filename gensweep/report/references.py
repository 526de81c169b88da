"""Published numbers for the cells of a sweep: the paper's, and those of the sweep's own file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gensweep.report.paper import list_paper_tables

if TYPE_CHECKING:
    from gensweep.ledger.manifest import CellInfo, ReferenceInfo
    from gensweep.report.results import Results

PAPER_SOURCE = "Demmenie, Holterman and Westhoff (2024), Table"


@dataclass(frozen=True)
class Published:
    """A published number for a cell.

    Attributes:
        cell: id of the cell.
        metric: of the test set.
        value: the number.
        source: where it was published.
        sd: standard deviation between runs; None if it is not known.
        n: number of runs that it is the mean of.
    """

    cell: str
    metric: str
    value: float
    source: str
    sd: float | None = None
    n: int = 1


@lru_cache(maxsize=1)
def list_published(results: Results) -> tuple[Published, ...]:
    """Return every published number of a metric that the sweep measures, by cell."""
    numbers: list[Published] = []
    for cell in results.sweep.cells:
        numbers += _iter_paper_numbers(results, cell.id, cell.model)
        for row in results.sweep.reference:
            if _matches(results, row, cell):
                number = Published(
                    cell.id, row.metric, row.value, row.source, row.sd, row.n
                )
                numbers.append(number)
    return tuple(numbers)


def _iter_paper_numbers(
    results: Results, cell: str, model: str
) -> Iterator[Published]:
    params = results.params[cell]
    for table in list_paper_tables(model):
        for metric in table.numbers:
            if metric not in results.metrics:
                continue
            value = table.get_value(params, metric)
            if value is not None:
                yield Published(
                    cell, metric, value, f"{PAPER_SOURCE} {table.number}"
                )


def list_unmatched(results: Results) -> list[ReferenceInfo]:
    """Return the rows of the sweep's reference file that no cell of the sweep matches."""
    unmatched = []
    for row in results.sweep.reference:
        cells = results.sweep.cells
        if not any(_matches(results, row, cell) for cell in cells):
            unmatched.append(row)
    return unmatched


def _matches(results: Results, row: ReferenceInfo, cell: CellInfo) -> bool:
    """Return whether a cell has the metric of a row, and every parameter that the row names."""
    params = cell.params
    if row.model not in (None, cell.model):
        return False
    info = results.metrics.get(row.metric)
    if info is None or cell.model not in info.models:
        return False
    return all(
        name in params and _is_same(params[name], value)
        for name, value in row.params.items()
    )


def _is_same(ours: Any, theirs: Any) -> bool:
    numbers = (int, float)
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, numbers) and isinstance(theirs, numbers):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return ours == theirs
