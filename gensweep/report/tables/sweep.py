"""Tables that every sweep can have: all its cells, its problems, and the best cells."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_table
from gensweep.ledger.status import Status
from gensweep.report.measurement import Measurement
from gensweep.report.record_metrics import VALIDATION
from gensweep.report.remarks import explain_no_choice
from gensweep.report.settings import Setting, list_settings, name_settings
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.notes import has_lost_points
from gensweep.report.tables.paper_numbers import (
    choose_paper_tables,
    describe_sources,
)
from gensweep.report.tables.rows import build_rows

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results


@register_table("cells")
def make_cells(results: Results) -> list[Table]:
    """List every cell with all its metrics, and every point that diverged, failed or is damaged."""
    data = build_rows(results, list(results.params), results.varying)
    notes: list[str] = []
    sections: dict[str, TableData] = {}
    for model in results.models:
        ids, paper_tables = (
            results.list_cells(model),
            choose_paper_tables(results, model),
        )
        sections[model] = build_rows(
            results, ids, results.varying_of[model], paper_tables
        )
        notes.append(
            f"{model}, the same in every row that has it: {describe_fixed(results, model)}."
        )
        sources = describe_sources(results, ids, paper_tables)
        notes.extend(f"{model}, {source}" for source in sources)
    name = results.sweep.name
    tables = [
        Table("cells", f"{name}: every cell", data, tuple(notes), sections)
    ]
    problems = list_problems(results)
    if len(problems):
        data = TableData.from_frame(problems)
        tables.append(
            Table("cells-problems", f"{name}: points that are not ok", data)
        )
    return tables


def describe_fixed(results: Results, model: str) -> str:
    """Return a model's parameters with one value, as in ``batch_size=128, epochs=10``."""
    parameters = sorted(results.fixed[model].items())
    return ", ".join(
        f"{name}={results.names.get_text(name, value)}"
        for name, value in parameters
    )


def list_problems(results: Results) -> pd.DataFrame:
    """Return the points that diverged, failed or have an unreadable record, with the reason.

    Points that are merely missing are not among them.
    """
    points = results.points
    is_bad = points["status"].isin([Status.DIVERGED, Status.FAILED])
    is_bad |= points["id"].isin(list(results.unreadable))
    frame = points.loc[is_bad, ["id", "model", "seed", "status", "error"]]
    return frame.rename(columns={"error": "reason"}).reset_index(drop=True)


@register_table("leaderboard")
def make_leaderboard(results: Results) -> list[Table]:
    """Rank each model's cells on a dataset by validation values; unranked cells come last."""
    settings = name_settings("leaderboard", list_settings(results))
    return [_rank_cells(results, stem, one) for stem, one in settings]


def _rank_cells(results: Results, name: str, setting: Setting) -> Table:
    model, ids = setting.model, setting.cells
    paper_tables = choose_paper_tables(results, model)
    objective = results.objectives[model]
    data = build_rows(
        results, ids, results.varying_of[model], paper_tables, objective
    )
    if objective is None:
        reason = "no metric of the validation set has a better end"
        title = f"{setting.title}: {reason}: in the sweep's order"
        return Table(name, title, data)
    direction = results.validation[objective].direction
    first = "largest" if direction == "max" else "smallest"
    ranks = rank_values(data.get(objective).values, direction)
    data = TableData((Column("rank", ranks, Kind.COUNT), *data.columns))
    # A stable sort leaves cells of equal rank in the order of the sweep.
    last = len(ranks) + 1
    data = data.select(
        sorted(range(len(ranks)), key=lambda row: ranks[row] or last)
    )
    notes = []
    if has_lost_points(data):
        notes.append(
            "A mean is of the seeds that are ok: a cell that lost some may look better than it is."
        )
    main = results.get_main_metric(model)
    if objective.removeprefix(VALIDATION) != main:
        notes.append(f"No cell has validation/{main}, of the main metric.")
    notes.append(
        "Cells are ranked on the validation set, after the last epoch; "
        "the test set decides nothing."
    )
    if not any(ranks):
        notes[-1] = explain_no_choice(results, model)
    notes += describe_sources(results, ids, paper_tables)
    title = f"{setting.title}: by {objective}, {first} first"
    if not any(ranks):
        title = (
            f"{setting.title}: no cell has {objective}: in the sweep's order"
        )
    return Table(name, title, data, tuple(notes))


def rank_values(values: Sequence[Any], direction: str) -> list[int | None]:
    """Return the rank of each measured mean, from 1; None without a mean.

    Equal means share the smallest of their ranks.

    Args:
        values: measurements, or something else where there is none.
        direction: ``max`` if the largest mean is the first, else ``min``.
    """
    sign = -1 if direction == "max" else 1
    keys = [
        sign * one.mean if isinstance(one, Measurement) else None
        for one in values
    ]
    ordered = sorted(key for key in keys if key is not None)
    return [
        None if key is None else bisect_left(ordered, key) + 1 for key in keys
    ]
