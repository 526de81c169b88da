"""A table's LaTeX files: for some tables also a compact one, as a paper needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gensweep.report.tables import COUNTS, SUMMARY_PARTS, Table
from gensweep.report.tables.latex import (
    MAX_LINE_CHARACTERS,
    USES,
    describe_method,
    format_notes,
    make_caption,
    make_label,
    measure_width,
    render_environment,
    render_latex,
    split_columns,
)
from gensweep.report.tables.latex_text import escape, join_lines
from gensweep.report.tables.layout import Column, build_columns
from gensweep.report.tables.notes import has_lost_points, list_legend
from gensweep.report.tables.sweep import find_measured_metric
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

FULL_SUFFIX = "-full"
"""Ends the name of the file with all metrics of a table that has a compact one."""
EXTRA_METRICS = ("exact_match",)
"""Metrics that a compact table shows beside the main one, for models that have them."""
_SIZES = (("footnotesize", 4, 1.0), ("scriptsize", 3, 7 / 8), ("tiny", 3, 5 / 8))
"""Name, half the space between columns [pt], and size relative to \\footnotesize."""
_COUNT_HEADERS = ("seeds ok", *(name.removeprefix("n_") for name in COUNTS[1:]))


def render_latex_files(table: Table, results: Results) -> Iterator[tuple[str, str]]:
    """Yield the stem and the text of each of the table's LaTeX files.

    A compact file has the table's name; then all metrics are in a second file.
    """
    if table.is_compact and len(table.frame):
        yield table.name, render_compact(table, results)
        yield f"{table.name}{FULL_SUFFIX}", render_latex(table, results, suffix=FULL_SUFFIX)
    else:
        yield table.name, render_latex(table, results)


def render_compact(table: Table, results: Results) -> str:
    """Return a compact table as LaTeX.

    It has the settings, the main metric with its interval, and the paper's number with the
    difference. Settings with one value stand in the caption, and so does n if all cells have
    the same. The type shrinks until the table fits the line; a table that is too wide even then
    is split into parts.
    """
    frame = _drop_minor_metrics(table.frame, results)
    columns, fixed = _select_columns(frame, results)
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
        caption = make_caption(f"{part_title}. {_describe_numbers(frame)}", label, number)
        lines += ["", *render_environment(part, caption, size, gap)]
    notes = [*table.notes, *list_legend(frame, results)]
    return join_lines([*lines, *format_notes(notes)])


def _choose_size(columns: list[Column]) -> tuple[str, int]:
    """Return the largest font size in which the columns fit the line, and its gap [pt].

    The name is empty if they fit in none.
    """
    for name, gap, scale in _SIZES:
        if measure_width(columns) * scale <= MAX_LINE_CHARACTERS:
            return name, gap
    return "", 0


def _drop_minor_metrics(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the frame without seconds and without metrics that only the full table shows."""
    shown = {name for name in results.metrics if f"{name}_report" in frame.columns}
    for model in dict.fromkeys(frame["model"]):
        rows = frame[frame["model"] == model]
        main = find_measured_metric(results, model, rows) or results.get_main_metric(model)
        if main:
            shown.add(main)
        shown |= set(EXTRA_METRICS) & set(results.list_metrics(model))
    dropped = ["seconds"]
    for metric in results.metrics:
        if metric not in shown:
            parts = (*SUMMARY_PARTS, "report", "difference")
            dropped += [f"{metric}_{part}" for part in parts]
    return frame.drop(columns=[name for name in dropped if name in frame.columns])


def _select_columns(frame: pd.DataFrame, results: Results) -> tuple[list[Column], list[str]]:
    """Return the columns, and the settings that are the same in every row, in words."""
    columns = build_columns(frame, results, split_counts=True)
    values = [column for column in columns if column.metric or column.is_published]
    counts = []
    if not _has_even_seeds(frame):
        counts = [Column("n", c.values) for c in columns if c.header == _COUNT_HEADERS[0]]
    settings = [c for c in columns if c not in values and c.header not in _COUNT_HEADERS]
    # A table in which no setting varies still needs a column that names its rows.
    varying = [column for column in settings if len(set(column.values)) > 1] or settings
    fixed = [f"{c.header} {c.values[0]}" for c in settings if c not in varying]
    return [*varying, *counts, *values], fixed


def _has_even_seeds(frame: pd.DataFrame) -> bool:
    """Return whether every cell has the same number of seeds, and all of them are ok."""
    return not has_lost_points(frame) and frame[COUNTS[0]].nunique() == 1


def _describe_numbers(frame: pd.DataFrame) -> str:
    seeds = "$n$: seeds that are ok, of those requested"
    if _has_even_seeds(frame):
        seeds = f"$n$ = {pluralize(frame[COUNTS[0]].iloc[0], 'seed')}"
    return f"{describe_method()}; {seeds}."
