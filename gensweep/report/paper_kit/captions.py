"""Captions of a paper's tables and figures, as plain sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gensweep.report.paper_kit.labels import Labels, capitalize
from gensweep.report.remarks import has_values
from gensweep.report.tables.columns import Kind
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.figures.data import FigureData
    from gensweep.report.paper_kit.kit_tables import Selection
    from gensweep.report.results import Results
    from gensweep.report.tables import Table

RANKING = "leaderboard"
BOLD_NOTE = "Bold: not distinguishable from the best (one-sided paired t-tests, Bonferroni, 5%)."
CUT_NOTE = "Square brackets: an interval that the range of the metric cuts."
AUTHORS = "Demmenie, Holterman and Westhoff (2024)"
PUBLISHED_NOTE = f"Published: {AUTHORS}, from one run per number."
_UNDERSCORES = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_PAPER = re.compile(
    r"\b[Pp]aper: numbers of its (Table \d(?: and Table \d)*)"
)


def is_ranking(table: Table) -> bool:
    """Return whether the rows of a table are in the order of a metric."""
    return table.name.startswith(RANKING)


def describe_table(
    table: Table,
    heading: str,
    selection: Selection,
    results: Results,
    labels: Labels,
) -> str:
    """Return the caption of a table: what it shows, what the numbers are, what is left out."""
    title = labels.write(table.title)
    if is_ranking(table):
        title = _title_ranking(table, selection, results, labels)
    if heading:
        title += f": {labels.get(heading)}"
    if selection.fixed:
        fixed = ", ".join(labels.write(text) for text in selection.fixed)
        title += f" ({fixed})"
    sentences = [f"{capitalize(title)}."]
    if selection.values:
        sentences += _describe_numbers(selection)
    if any(value.is_contender for value in selection.values):
        sentences.append(BOLD_NOTE)
    if any(value.is_cut for value in selection.values):
        sentences.append(CUT_NOTE)
    if not selection.values:
        # Columns of other numbers are explained by the table itself.
        sentences += [_write_note(note, labels) for note in table.notes]
    sentences += _describe_rest(table, selection)
    if results.selection_note:
        sentences.append(f"{results.selection_note}.")
    return " ".join(sentences)


def _write_note(note: str, labels: Labels) -> str:
    """Return a note of a table as a sentence of a caption; names of columns are words."""
    text = _UNDERSCORES.sub(
        lambda name: labels.get(name[0]), labels.write(note)
    )
    return capitalize(text) if text.endswith(".") else f"{capitalize(text)}."


def _title_ranking(
    table: Table, selection: Selection, results: Results, labels: Labels
) -> str:
    """Return what a ranking shows: the best settings of a model, by its validation metric."""
    model = table.title.partition(":")[0]
    objective = results.objectives.get(model)
    if objective is None or not has_values(results, model):
        return labels.write(table.title)
    measured = selection.rows + selection.hidden
    if measured == 1:
        return f"{labels.get(model)}: the only setting with a result"
    count = f"{selection.rows} best of {measured} settings"
    if not selection.hidden:
        count = f"{measured} settings"
    return f"{labels.get(model)}: {count} by {labels.get(objective)}, the best first"


def _describe_numbers(selection: Selection) -> list[str]:
    """Return sentences on what the numbers are, of how many seeds, and whose the others are."""
    seeds = "the seeds that are ok (n, of those wanted)"
    if selection.seeds:
        seeds = f"n = {pluralize(selection.seeds, 'seed')}"
    sentences = [
        f"Mean of {seeds} ± half-width of its 95% confidence interval (Student's t)."
    ]
    if not any(value.has_interval for value in selection.values):
        sentences = [f"Mean of {seeds}; one seed has no interval."]
    if any(column.kind == Kind.PAPER for column in selection.columns):
        sentences.append(PUBLISHED_NOTE)
    return sentences


def _describe_rest(table: Table, selection: Selection) -> list[str]:
    """Return sentences on the rows that are left out."""
    total = selection.rows + selection.hidden + selection.empty
    sentences = []
    if selection.hidden and not is_ranking(table):
        sentences.append(f"{selection.rows} of {total} rows.")
    if selection.empty:
        rows = pluralize(selection.empty, "row")
        sentences.append(f"Not shown: {rows} without any result yet.")
    return sentences


def describe_figure(data: FigureData, labels: Labels) -> str:
    """Return the caption of a figure: its title and its sentences."""
    title = capitalize(labels.write(data.title)).rstrip(".")
    caption = _PAPER.sub(rf"Published: \1 of {AUTHORS}", data.caption)
    return f"{title}. {labels.write(caption)}".strip()
