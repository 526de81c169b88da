"""Tables: functions of `Results`, registered by their decorator; importing this needs no pandas."""

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
"""Columns with the number of points of each status; the first is that of points that are ok."""
SUMMARY_PARTS = ("mean", "std", "ci95", "n")
"""Endings of a metric's columns."""


@dataclass(frozen=True)
class Table:
    """A table: numbers in full, with what a reader must know about them.

    Attributes:
        name: stem of its files; begins with the name that the table function is registered by.
        title: one line.
        frame: the numbers, as `build_rows` returns them; written to the CSV file.
        notes: sentences that stand below the numbers.
        sections: heading -> part of the table. Printed instead of ``frame`` if one layout does
            not suit all rows.
        is_compact: write a LaTeX file with few columns, for a paper, and a second one with all
            metrics.
    """

    name: str
    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    sections: dict[str, pd.DataFrame] | None = None
    is_compact: bool = False

    @property
    def parts(self) -> dict[str, pd.DataFrame]:
        """The sections by their heading; a table without sections is one part without heading."""
        return self.sections or {"": self.frame}


def build_rows(
    results: Results,
    cells: Sequence[str],
    parameters: Iterable[str],
    paper_tables: Sequence[PaperTable] = (),
    objective: str | None = None,
) -> pd.DataFrame:
    """Return one row for each cell.

    Its columns are the cell and its model, some parameters, counts of points, seconds, and the
    metrics of the models. If the paper has numbers of a metric for these cells, the columns
    ``<metric>_report`` and ``<metric>_difference`` (ours minus the paper's) follow it. Numbers
    of the paper on another scale stand last, by their own name.

    Args:
        results: the sweep's results.
        cells: ids, in the order of the rows.
        parameters: parameters to show.
        paper_tables: the paper's tables to look in, the preferred ones first. Tables without a
            number for these cells give no column.
        objective: a validation metric that stands before those of the test set.
    """
    import numpy as np
    import pandas as pd

    index = index_cells(results)
    ours = results.cells.iloc[[index[cell] for cell in cells]]
    params = [results.params[cell] for cell in cells]
    columns: dict[str, Any] = {name: ours[name].to_numpy() for name in ("cell", "model")}
    for name in parameters:
        columns[name] = make_parameter_column([values.get(name, np.nan) for values in params])
    for name in (*COUNTS, "seconds"):
        columns[name] = ours[name].to_numpy()
    # The paper's columns stand directly beside those of the same metric.
    paper_columns = build_paper_columns(results, cells, paper_tables)
    metrics = _list_metrics(results, columns["model"])
    if objective:
        metrics.insert(0, objective)
    for metric in metrics:
        for part in SUMMARY_PARTS:
            columns[f"{metric}_{part}"] = ours[f"{metric}_{part}"].array
        if metric in paper_columns:
            published = paper_columns[metric]
            columns[f"{metric}_report"] = published
            columns[f"{metric}_difference"] = ours[f"{metric}_mean"].to_numpy() - published
    for name, values in paper_columns.items():
        if name not in results.metrics:
            columns[f"report_{name}"] = values
    return pd.DataFrame(columns)


def _list_metrics(results: Results, models: Iterable[str]) -> list[str]:
    """Return the metrics of these models, first the main metric of each model."""
    metrics_by_model = [results.list_metrics(model) for model in dict.fromkeys(models)]
    main_metrics = [names[0] for names in metrics_by_model if names]
    all_names = {name for names in metrics_by_model for name in names}
    others = [name for name in results.metrics if name in all_names]
    return list(dict.fromkeys([*main_metrics, *others]))
