"""Tables on the terminal: one for each model, with as many metrics as fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from gensweep.report.remarks import describe_selection
from gensweep.report.tables.choice import choose_columns, get_choice_of_cells
from gensweep.report.tables.columns import Column, Kind
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.notes import list_remarks
from gensweep.report.tables.paper_numbers import (
    choose_paper_tables,
    describe_sources,
)
from gensweep.report.tables.rows import build_rows
from gensweep.report.tables.sweep import describe_fixed, list_problems
from gensweep.report.tables.text_cells import NOTHING
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.tables import Table
    from gensweep.system.terminal import Console

MAX_ROWS_PRINTED, MAX_PROBLEMS_PRINTED = 40, 10
GAP_CHARACTERS = 3
"""Space between two columns."""
_NOTE_STYLE = "dim"


def show(
    results: Results,
    console: Console,
    wanted: Collection[str] | None = None,
) -> None:
    """Print one table for each model.

    It shows the parameters that vary, the seeds that are ok, metrics as far as they fit, and the
    paper's number.

    Args:
        results: the sweep's results.
        console: its width decides how many metrics are shown beside the main one.
        wanted: ids of points; only cells with one of them are shown. None: all cells.
    """
    cells = _select_cells(results, wanted)
    counts = ", ".join(
        f"{count} {status}"
        for status, count in results.counts.items()
        if count
    )
    points = pluralize(sum(results.counts.values()), "point")
    console.print(f"{results.sweep.name}: {points}: {counts}", style="bold")
    console.print(describe_selection(results), style=_NOTE_STYLE)
    if len(cells) < len(results.sweep.cells):
        console.print(
            f"Shown: {len(cells)} of {pluralize(len(results.sweep.cells), 'cell')}, as the filter "
            "says; the files and the page have all of them.",
            style=_NOTE_STYLE,
        )
    for model in results.models:
        ids = [cell for cell in results.list_cells(model) if cell in cells]
        if ids:
            _show_model(results, model, ids, console)
    for note in (results.selection_note, results.code_note):
        if note:
            console.print(note, style=_NOTE_STYLE)
    _show_problems(results, cells, console)


def _select_cells(
    results: Results, wanted: Collection[str] | None
) -> set[str]:
    """Return the ids of cells with a wanted point; of all cells if there is none."""
    if wanted is None:
        return {cell.id for cell in results.sweep.cells}
    points = set(wanted)
    cells = {
        cell.id
        for cell in results.sweep.cells
        if not points.isdisjoint(cell.points.values())
    }
    return cells or _select_cells(results, None)


def print_table(table: Table, console: Console) -> None:
    """Print all of a table, with its notes."""
    for heading, part in table.parts.items():
        title = f"{table.title}: {heading}" if heading else table.title
        columns = arrange_columns(part)
        is_narrow = _measure_width(columns) > console.width
        if is_narrow:
            columns = _merge_parameters(columns)
        console.print(
            _make_rich_table(
                title, columns, console.width, break_numbers=not is_narrow
            )
        )
    for note in table.notes:
        console.print(note, style=_NOTE_STYLE)


def _merge_parameters(columns: list[Column]) -> list[Column]:
    """Return the columns with all parameters in one column of text, which may be broken."""
    merged = [one for one in columns if one.kind == Kind.PARAMETER]
    if not merged:
        return columns
    settings = []
    for texts in zip(*(one.texts for one in merged), strict=True):
        pairs = [
            f"{column.label}={text}"
            for column, text in zip(merged, texts, strict=True)
            if text != NOTHING
        ]
        settings.append(" ".join(pairs))
    first = columns.index(merged[0])
    rest = [one for one in columns if one.kind != Kind.PARAMETER]
    setting = Column("setting", settings, Kind.TEXT)
    return [*rest[:first], setting, *rest[first:]]


def _show_model(
    results: Results, model: str, ids: list[str], console: Console
) -> None:
    """Print the table of some cells of one model, with its notes."""
    paper_tables = choose_paper_tables(results, model)
    data = build_rows(results, ids, results.varying_of[model], paper_tables)
    choice = get_choice_of_cells(results)
    data = choose_columns(data, choice.metrics, choice.labels)
    data = data.drop(["seconds"])
    columns = arrange_columns(data.head(MAX_ROWS_PRINTED))
    fitting = _select_fitting(columns, console.width)
    console.print(_make_rich_table(model, fitting, console.width))
    hidden = [column.label for column in columns if column not in fitting]
    notes = []
    if hidden:
        notes.append(
            f"too wide for this screen, see tables/cells.md: {', '.join(hidden)}"
        )
    if len(ids) > MAX_ROWS_PRINTED:
        notes.append(
            f"{len(ids) - MAX_ROWS_PRINTED} more cells: see tables/cells.md"
        )
    notes.append(
        f"the same in every row that has it: {describe_fixed(results, model)}"
    )
    notes += describe_sources(results, ids, paper_tables)
    notes += list_remarks(data, results)
    for note in notes:
        console.print(note, style=_NOTE_STYLE)


def _show_problems(
    results: Results, cells: set[str], console: Console
) -> None:
    """Print the points of these cells that diverged, failed or cannot be read."""
    problems = list_problems(results)
    ids = results.points.loc[results.points["cell"].isin(cells), "id"]
    problems = problems[problems["id"].isin(set(ids))]
    for point in problems.head(MAX_PROBLEMS_PRINTED).to_dict("records"):
        console.print(
            f"{point['status']}: {point['id']}: {point['reason']}", style=""
        )
    if len(problems) > MAX_PROBLEMS_PRINTED:
        hidden = len(problems) - MAX_PROBLEMS_PRINTED
        console.print(
            f"{hidden} more such points: see tables/cells-problems.md",
            style=_NOTE_STYLE,
        )


def _make_rich_table(
    title: str,
    columns: list[Column],
    width: int,
    *,
    break_numbers: bool = True,
) -> Any:
    """Return a table for the terminal.

    Args:
        title: above it.
        columns: all of them.
        width: of the screen, in characters.
        break_numbers: on a screen that is too narrow, break numbers over lines as text is.
    """
    from rich import box
    from rich.table import Table as RichTable

    printed = RichTable(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    # On a screen that is too narrow, headers are broken after each underscore.
    underscore = "_"
    if _measure_width(columns) > width:
        underscore += "\n"
    for column in columns:
        lines = [line for line in (column.label, column.shown_unit) if line]
        header = "\n".join(lines).replace("_", underscore)
        if not break_numbers:
            header = header.replace(" ", "\n")
        printed.add_column(
            header,
            justify="right" if column.is_numeric else "left",
            overflow="fold",
            no_wrap=column.is_numeric and not break_numbers,
        )
    for row in zip(*(column.texts for column in columns), strict=True):
        printed.add_row(*row)
    return printed


def _select_fitting(columns: list[Column], width: int) -> list[Column]:
    """Return the columns that fit.

    Parameters, counts and the main metric are always among them; further metrics in their order.
    """
    groups = list(
        dict.fromkeys(one.group for one in columns if one.is_about_metric)
    )

    def select(shown: set[str]) -> list[Column]:
        return [
            one
            for one in columns
            if not one.is_about_metric or one.group in shown
        ]

    selected = set(groups[:1])
    for group in groups[1:]:
        more = selected | {group}
        if _measure_width(select(more)) <= width:
            selected = more
    return select(selected)


def _measure_width(columns: Iterable[Column]) -> int:
    """Return the characters of a printed table, with the space between its columns."""
    return sum(column.width + GAP_CHARACTERS for column in columns)
