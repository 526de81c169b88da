"""Tables: functions of `Results`, found in this package by their decorator; importing it imports no pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.ledger.records import MISSING, STATUSES
from gensweep.report.paper import PaperTable
from gensweep.report.summary import make_parameter_column
from gensweep.report.tables.sources import build_paper_columns, index_cells

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

COUNTS = tuple(f"n_{status}" for status in (*STATUSES, MISSING))


@dataclass(frozen=True)
class Table:
    """What a table function gives.

    Attributes:
        name: stem of its files; begins with the page's name.
        title: one line.
        frame: numbers in full, as `rows` lays them out; the CSV.
        notes: what a reader must know beside the numbers.
        sections: printed in place of ``frame`` where one layout does not suit all rows: heading -> part.
        compact: whether its LaTeX is one of few columns for a paper, and that of all metrics a second file.
    """

    name: str
    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    sections: dict[str, pd.DataFrame] | None = None
    compact: bool = False


def build_rows(
    results: Results,
    cells: Sequence[str],
    shown: Iterable[str],
    published: Sequence[PaperTable] = (),
    objective: str | None = None,
) -> pd.DataFrame:
    """One row a cell: the cell and its model, some parameters, counts, the models' metrics, the report's numbers.

    For a metric with numbers in the report, ``<metric>_report`` and ``<metric>_difference`` (ours less
    the report's) follow it; a number of the report on another scale stands last, by its own name.

    Args:
        cells: ids, in the order of the rows.
        shown: parameters to show.
        published: the report's tables to look in, first things first; those without a number for
            these cells give no column.
        objective: a validation metric that stands before those of the test set.
    """
    import numpy as np
    import pandas as pd

    places = index_cells(results)
    ours = results.cells.iloc[[places[cell] for cell in cells]]
    params = [results.params[cell] for cell in cells]
    columns: dict[str, Any] = {name: ours[name].to_numpy() for name in ("cell", "model")}
    for name in shown:
        columns[name] = make_parameter_column([values.get(name, np.nan) for values in params])
    columns |= {name: ours[name].to_numpy() for name in (*COUNTS, "seconds")}
    reported = build_paper_columns(results, cells, published)
    for metric in [*([objective] if objective else []), *_metrics(results, columns["model"])]:
        columns |= {
            f"{metric}_{part}": ours[f"{metric}_{part}"].array
            for part in ("mean", "std", "ci95", "n")
        }
        if metric in reported:
            columns[f"{metric}_report"] = reported[metric]
            columns[f"{metric}_difference"] = ours[f"{metric}_mean"].to_numpy() - reported[metric]
    other_scale = {
        f"report_{name}": values for name, values in reported.items() if name not in results.metrics
    }
    return pd.DataFrame(columns | other_scale)


def _metrics(results: Results, models: Iterable[str]) -> list[str]:
    """The metrics of these models: each one's main metric first."""
    lists = [results.list_metrics(model) for model in dict.fromkeys(models)]
    mains = [names[0] for names in lists if names]
    return list(
        dict.fromkeys(
            [*mains, *(name for name in results.metrics if any(name in names for names in lists))]
        )
    )
