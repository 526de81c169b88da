"""Tables that every sweep can have: all its cells, its problems, and the best cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gensweep.core.registries import register_table
from gensweep.ledger.records import DIVERGED, FAILED
from gensweep.report.measured import MAIN_METRICS, VALIDATION
from gensweep.report.tables import COUNTS, Table, build_rows
from gensweep.report.tables.sources import choose_paper_tables, describe_sources
from gensweep.system.naming import make_file_stems

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results


@register_table("cells")
def cells(results: Results) -> list[Table]:
    """Every cell with all its metrics, and every point that diverged, failed or cannot be read."""
    frame = build_rows(results, list(results.params), results.varying)
    notes, sections = [], {}
    for model in results.models:
        ids, published = results.list_cells(model), choose_paper_tables(results, model)
        sections[model] = build_rows(results, ids, results.varying_of[model], published)
        notes.append(f"{model}, the same wherever it acts: {describe_fixed(results, model)}.")
        notes += [f"{model}, {note}" for note in describe_sources(results, ids, published)]
    tables = [Table("cells", f"{results.sweep.name}: every cell", frame, tuple(notes), sections)]
    bad = list_problems(results)
    if len(bad):
        tables.append(Table("cells-problems", f"{results.sweep.name}: points that are not ok", bad))
    return tables


def describe_fixed(results: Results, model: str) -> str:
    """A model's parameters with one value, as in ``batch_size=128, epochs=10``."""
    return ", ".join(
        f"{name}={results.names.get_text(name, value)}"
        for name, value in sorted(results.fixed[model].items())
    )


def list_problems(results: Results) -> pd.DataFrame:
    """The points that diverged, failed or have an unreadable record, with the reason; not those merely missing."""
    points = results.points
    bad = points["status"].isin([DIVERGED, FAILED]) | points["id"].isin(list(results.unreadable))
    frame = points.loc[bad, ["id", "model", "seed", "status", "error"]].rename(
        columns={"error": "reason"}
    )
    return frame.reset_index(drop=True)


@register_table("leaderboard")
def leaderboard(results: Results) -> list[Table]:
    """Each model's cells ranked on the validation set, test values beside; those without a value last, unranked."""
    names = make_file_stems(("leaderboard", model) for model in results.models)
    return [
        _ranking(results, model, name) for model, name in zip(results.models, names, strict=True)
    ]


def _ranking(results: Results, model: str, name: str) -> Table:
    ids, published = results.list_cells(model), choose_paper_tables(results, model)
    objective = results.objectives[model]
    frame = build_rows(results, ids, results.varying_of[model], published, objective)
    if objective is None:
        title = f"{model}: no metric of the validation set has a better end: in the sweep's order"
        return Table(name, title, frame)
    direction = results.validation[objective].direction
    title = f"{model}: by {objective}, {'largest' if direction == 'max' else 'smallest'} first"
    rank = (
        frame[f"{objective}_mean"].rank(ascending=direction == "min", method="min").astype("Int64")
    )
    frame.insert(0, "rank", rank)
    frame = frame.sort_values("rank", kind="stable", na_position="last")
    less = "A mean is of the seeds that are ok: a cell that lost some may look better than it is."
    notes = [less] if frame[list(COUNTS[1:])].to_numpy().any() else []
    main, validated = results.get_main_metric(model), objective.removeprefix(VALIDATION)
    notes += [f"No cell has validation/{main}, of the main metric."] if validated != main else []
    notes.append(
        "Cells are ranked on the validation set, after the last epoch; the test set decides nothing."
    )
    notes += describe_sources(results, ids, published)
    return Table(name, title, frame.reset_index(drop=True), tuple(notes))


def find_measured_metric(results: Results, model: str, frame: pd.DataFrame) -> str | None:
    """The first main metric that any cell has: one that came later than the records has no numbers."""
    names = set(results.list_metrics(model))
    return next(
        (name for name in MAIN_METRICS if name in names and frame[f"{name}_mean"].notna().any()),
        None,
    )
