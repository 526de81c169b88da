"""A table's LaTeX files: for some tables also a compact one, as a paper needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gensweep.core.roles import Role
from gensweep.report.tables import COUNTS, Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.latex import (
    USES,
    describe_method,
    format_notes,
    make_caption,
    make_label,
    render_environment,
    render_latex,
)
from gensweep.report.tables.latex_parts import (
    MAX_LINE_CHARACTERS,
    measure_width,
    split_columns,
)
from gensweep.report.tables.latex_text import escape, join_lines
from gensweep.report.tables.layout import SEEDS_COLUMN, arrange_columns
from gensweep.report.tables.notes import has_lost_points, list_legend
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

FULL_SUFFIX = "-full"
"""Ends the name of the file with all metrics of a table that has a compact one."""
_SIZES = (
    ("footnotesize", 4, 1.0),
    ("scriptsize", 3, 7 / 8),
    ("tiny", 3, 5 / 8),
)
"""Name, half the space between columns [pt], and size relative to \\footnotesize."""


def render_latex_files(
    table: Table, results: Results
) -> Iterator[tuple[str, str]]:
    """Yield the stem and the text of each of the table's LaTeX files.

    A compact file has the table's name; then all metrics are in a second file.
    """
    if table.is_compact and len(table.data):
        yield table.name, render_compact(table, results)
        yield (
            f"{table.name}{FULL_SUFFIX}",
            render_latex(table, results, suffix=FULL_SUFFIX),
        )
    else:
        yield table.name, render_latex(table, results)


def render_compact(table: Table, results: Results) -> str:
    """Return a compact table as LaTeX.

    It has the settings, the main metric with its interval, and the paper's number with the
    difference. Settings with one value stand in the caption; n stands there, too, if all cells have
    the same. The type shrinks until the table fits the line; a table that is too wide even then
    is split into parts.
    """
    data = table.data
    if not table.metrics:
        data = _drop_minor_metrics(data, results)
    data = data.drop(["seconds"])
    columns, fixed = _select_columns(data)
    size, gap = _choose_size(columns)
    parts = [columns]
    if not size:
        size, gap, _ = _SIZES[0]
        parts = split_columns(columns)
    label = make_label(table, results)
    title = escape(", ".join([table.title, *fixed]))
    lines = [USES, f"% Every metric: {table.name}{FULL_SUFFIX}.tex"]
    for number, part in enumerate(parts, 1):
        part_title = title
        if len(parts) > 1:
            part_title += f" (part {number} of {len(parts)})"
        caption = make_caption(
            f"{part_title}. {_describe_numbers(data)}", label, number
        )
        lines += ["", *render_environment(part, caption, size, gap)]
    notes = [*table.notes, *list_legend(data, results)]
    return join_lines([*lines, *format_notes(notes)])


def _choose_size(columns: list[Column]) -> tuple[str, int]:
    """Return the largest font size in which the columns fit the line, and its gap [pt].

    The name is empty if they fit in none.
    """
    for name, gap, scale in _SIZES:
        if measure_width(columns) * scale <= MAX_LINE_CHARACTERS:
            return name, gap
    return "", 0


def _drop_minor_metrics(data: TableData, results: Results) -> TableData:
    """Return the table without metrics that only the full table shows."""
    shown = {
        column.group for column in data.columns if column.kind == Kind.PAPER
    }
    cells_of: dict[str, list[str]] = {}
    for cell, model in zip(
        data.get("cell").values, data.get("model").values, strict=True
    ):
        cells_of.setdefault(model, []).append(cell)
    for model, cells in cells_of.items():
        main = results.find_measured_metric(
            model, cells
        ) or results.get_main_metric(model)
        if main:
            shown.add(main)
        shown.update(results.list_metrics_with(Role.COMPACT, model=model))
    minor = [
        one.name
        for one in data.columns
        if one.is_about_metric and one.group not in shown
    ]
    return data.drop(minor)


def _select_columns(data: TableData) -> tuple[list[Column], list[str]]:
    """Return the columns, and the settings that are the same in every row, in words."""
    columns = arrange_columns(data, split_counts=True)
    values = [
        one
        for one in columns
        if one.is_about_metric or one.kind == Kind.PAPER
    ]
    counts = []
    if not _has_even_seeds(data):
        counts = [
            replace(one, header="n")
            for one in columns
            if one.name == SEEDS_COLUMN
        ]
    settings = [
        one for one in columns if one not in values and one.kind != Kind.COUNT
    ]
    # A table in which no setting varies still needs a column that names its rows.
    varying = [
        column for column in settings if len(set(column.texts)) > 1
    ] or settings
    fixed = [
        f"{one.label} {one.texts[0]}"
        for one in settings
        if one not in varying
    ]
    return [*varying, *counts, *values], fixed


def _has_even_seeds(data: TableData) -> bool:
    """Return whether every cell has the same number of seeds, and all of them are ok."""
    return (
        not has_lost_points(data)
        and len(set(data.get(COUNTS[0]).values)) == 1
    )


def _describe_numbers(data: TableData) -> str:
    seeds = "$n$: seeds that are ok, of those requested"
    if _has_even_seeds(data):
        seeds = f"$n$ = {pluralize(data.get(COUNTS[0]).values[0], 'seed')}"
    return f"{describe_method()}; {seeds}."
