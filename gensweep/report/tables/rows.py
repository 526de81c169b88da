"""The rows of a table about cells: parameters, counts, metrics, and the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gensweep.core.roles import Role
from gensweep.core.soundness import TEST_SPLIT
from gensweep.report.measurement import Measurement
from gensweep.report.paper import PaperTable
from gensweep.report.stats.marks import mark_contenders
from gensweep.report.summary import make_parameter_column
from gensweep.report.tables import COUNTS
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.paper_numbers import build_paper_columns

if TYPE_CHECKING:
    import numpy as np

    from gensweep.report.results import Results

MAX_DIFFERENCE_DECIMALS = 6
SECONDS_FORM = ".3g"


def build_rows(
    results: Results,
    cells: Sequence[str],
    parameters: Iterable[str],
    paper_tables: Sequence[PaperTable] = (),
    objective: str | None = None,
) -> TableData:
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
    ours = results.cells.iloc[[results.index_of[cell] for cell in cells]]
    models = ours["model"].tolist()
    columns = [
        Column("cell", ours["cell"].tolist(), Kind.ID),
        Column("model", models),
        *(build_parameter(results, cells, name) for name in parameters),
        *(Column(name, ours[name].tolist(), Kind.COUNT) for name in COUNTS),
        Column(
            "seconds",
            ours["seconds"].tolist(),
            Kind.NUMBER,
            form=SECONDS_FORM,
        ),
    ]
    # The paper's columns stand directly beside those of the same metric.
    paper_columns = build_paper_columns(results, cells, paper_tables)
    metrics = _list_metrics(results, models)
    if objective:
        metrics.insert(0, objective)
    marked = {
        objective,
        *(results.get_main_metric(model) for model in set(models)),
    }
    for metric in metrics:
        measured = build_metric(results, cells, metric)
        if metric in marked:
            values = mark_contenders(results, metric, cells, measured.values)
            measured = replace(measured, values=values)
        columns.append(measured)
        if metric in paper_columns:
            columns += _compare_with_paper(measured, paper_columns[metric])
    for name, values in paper_columns.items():
        if name not in results.metrics:
            columns.append(
                _build_paper(
                    f"report_{name}", values, header=f"paper's {name}"
                )
            )
    return TableData(tuple(columns))


def build_metric(
    results: Results, cells: Sequence[str], metric: str
) -> Column:
    """Return the measurements of a metric, or of an objective, of some cells.

    A metric of generated pictures names their number if all cells have the same:
    ``fid_random_vgg of 1000``. Its values depend on it.
    """
    info = results.described[metric]
    header = metric
    if Role.GENERATED in info.roles and info.min_examples > 1:
        counts = {
            results.examples.get(cell, {}).get(TEST_SPLIT) for cell in cells
        }
        if len(counts) == 1 and None not in counts:
            header += f" of {counts.pop()}"
    values = results.measurements[metric]
    return Column(
        metric,
        [values[results.index_of[cell]] for cell in cells],
        Kind.METRIC,
        header=header,
        unit=info.unit,
        direction=info.direction,
        group=metric,
    )


def build_parameter(
    results: Results, cells: Sequence[str], name: str
) -> Column:
    """Return a parameter's value in each of these cells; none where a cell lacks it."""
    values = [results.params[cell].get(name, math.nan) for cell in cells]
    write = partial(results.names.get_text, name)
    return Column(
        name,
        make_parameter_column(values).tolist(),
        Kind.PARAMETER,
        write=write,
    )


def _compare_with_paper(
    measured: Column, published: np.ndarray
) -> list[Column]:
    """Return the paper's numbers of a metric, and ours minus these."""
    metric = measured.name
    differences = []
    for value, number in zip(
        measured.values, published.tolist(), strict=True
    ):
        mean = value.mean if isinstance(value, Measurement) else math.nan
        differences.append(mean - number)
    difference = Column(
        f"{metric}_difference",
        differences,
        Kind.DIFFERENCE,
        header="difference",
        group=metric,
        form=_choose_difference_form(differences),
    )
    return [
        _build_paper(f"{metric}_report", published, "paper", metric),
        difference,
    ]


def _build_paper(
    name: str, values: np.ndarray, header: str, group: str = ""
) -> Column:
    """Return published numbers, with all their decimals and as many for each."""
    numbers = values.tolist()
    known = [value for value in numbers if not math.isnan(value)]
    decimals = max(
        (len(repr(value).partition(".")[2]) for value in known), default=0
    )
    return Column(
        name,
        numbers,
        Kind.PAPER,
        header=header,
        group=group,
        form=f".{decimals}f",
    )


def _choose_difference_form(values: Sequence[float]) -> str:
    """Return a form with a sign, and three significant digits of the largest difference."""
    largest = max(
        (abs(value) for value in values if not math.isnan(value)), default=0.0
    )
    decimals = 4
    # A logarithm of 0 is not defined; without it, all differences are 0.
    if largest:
        decimals = min(
            MAX_DIFFERENCE_DECIMALS,
            max(0, 2 - math.floor(math.log10(largest))),
        )
    return f"+.{decimals}f"


def _list_metrics(results: Results, models: Iterable[str]) -> list[str]:
    """Return the metrics of these models, first the main metric of each model."""
    metrics_by_model = [
        results.list_metrics(model) for model in dict.fromkeys(models)
    ]
    main_metrics = [names[0] for names in metrics_by_model if names]
    all_names = {name for names in metrics_by_model for name in names}
    others = [name for name in results.metrics if name in all_names]
    return list(dict.fromkeys([*main_metrics, *others]))
