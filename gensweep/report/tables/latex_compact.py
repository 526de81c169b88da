r"""A table's LaTeX files: those of the report's tables as a paper has them, in few columns and one page wide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gensweep.report.summary import METHOD
from gensweep.report.tables import COUNTS, Table
from gensweep.report.tables.latex import (
    USES,
    WIDEST,
    environment,
    escape,
    label_of,
    notes,
    parted,
    render_latex,
    whole,
    width,
)
from gensweep.report.tables.layout import Column, build_columns, has_lost_points, list_legend
from gensweep.report.tables.sweep import find_measured_metric
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

FULL = "-full"
"""Ends the name of the file with all metrics of a table that has a compact one."""
BESIDE = ("exact_match",)
"""Metrics that stand beside the main one, in models that have them."""
_SIZES = (("footnotesize", 4, 1.0), ("scriptsize", 3, 7 / 8), ("tiny", 3, 5 / 8))
"""Name, half the space between columns [pt], and size next to \\footnotesize."""
_COUNTS = ("seeds ok", *(name.removeprefix("n_") for name in COUNTS[1:]))


def render_latex_files(table: Table, results: Results) -> Iterator[tuple[str, str]]:
    """The table's LaTeX files: (stem, text); the compact one has the table's name, all metrics stand in a second."""
    if table.compact and len(table.frame):
        yield table.name, render_compact(table, results)
        yield f"{table.name}{FULL}", render_latex(table, results, suffix=FULL)
    else:
        yield table.name, render_latex(table, results)


def render_compact(table: Table, results: Results) -> str:
    """Settings, the main metric with its interval, and the report's number with the difference; n where it differs.

    Settings with one value stand in the caption, and so does n where every cell has the same. Letters shrink until
    the table fits the line; one that is too wide even then is broken in parts.
    """
    frame = _reduced(table.frame, results)
    shown, fixed = _shown(frame, results)
    size, gap = next(
        ((name, gap) for name, gap, scale in _SIZES if width(shown) * scale <= WIDEST), ("", 0)
    )
    parts = [shown] if size else parted(shown)
    name, which = label_of(table, results), escape(", ".join([table.title, *fixed]))
    lines = [USES, f"% Every metric: {table.name}{FULL}.tex"]
    for number, part in enumerate(parts, 1):
        place = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
        caption = f"{which}{place}. {_caption(frame)}"
        label = name if number == 1 else f"{name}:{number}"
        lines += [
            "",
            *environment(
                part, f"\\caption{{{caption}}}\\label{{{label}}}", size or "footnotesize", gap or 4
            ),
        ]
    return whole([*lines, *notes([*table.notes, *list_legend(frame, results)])])


def _reduced(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """The frame without seconds and without the metrics that a compact table leaves to the full one."""
    kept = {name for name in results.metrics if f"{name}_report" in frame.columns}
    for model in dict.fromkeys(frame["model"]):
        of_model = frame[frame["model"] == model]
        main = find_measured_metric(results, model, of_model) or results.get_main_metric(model)
        kept |= {main} if main else set()
        kept |= set(BESIDE) & set(results.list_metrics(model))
    dropped = [
        f"{metric}_{part}"
        for metric in results.metrics
        if metric not in kept
        for part in ("mean", "std", "ci95", "n", "report", "difference")
    ]
    return frame.drop(columns=[name for name in ("seconds", *dropped) if name in frame.columns])


def _shown(frame: pd.DataFrame, results: Results) -> tuple[list[Column], list[str]]:
    """The columns, and the settings that are the same in every row, in words."""
    found = build_columns(frame, results, apart=True)
    values = [c for c in found if c.metric or c.header.startswith("report's ")]
    counts = [Column("n", c.values) for c in found if c.header == _COUNTS[0] and not _even(frame)]
    settings = [c for c in found if c not in values and c.header not in _COUNTS]
    varying = [c for c in settings if len(set(c.values)) > 1] or settings
    fixed = [f"{c.header} {c.values[0]}" for c in settings if c not in varying]
    return [*varying, *counts, *values], fixed


def _even(frame: pd.DataFrame) -> bool:
    """Whether every cell has as many seeds, and all of them are ok."""
    return not has_lost_points(frame) and frame[COUNTS[0]].nunique() == 1


def _caption(frame: pd.DataFrame) -> str:
    method = METHOD.partition("; ")[0]
    same = f"$n$ = {pluralize(frame[COUNTS[0]].iloc[0], 'seed')}"
    seeds = same if _even(frame) else "$n$: seeds that are ok, of those asked for"
    return f"{escape(method[0].upper() + method[1:])}; {seeds}."
