"""Interaction plots: the main metric along one parameter, with a line per value of another."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import describe_seeds, format_axis_label
from gensweep.report.figures.data import (
    Axis,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.grids import make_message
from gensweep.report.figures.style import MAX_SEEDS_SHOWN, MAX_SERIES
from gensweep.report.stats.axes import is_numeric, make_axis
from gensweep.report.stats.subject import Subject
from gensweep.report.summary import summarize
from gensweep.report.tables.importance import list_subjects
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.stats.blocks import Block

MAX_PAIRS = 3
"""Most pairs of parameters that are drawn per model and dataset."""
SHIFT = 0.16
"""Distance of the first line from the last, as a share of that between two values."""
NO_PAIR = "Fewer than two parameters vary together."
Pair = tuple[str, str]


@register_figure("interaction_plot")
def make_interaction_plot(results: Results) -> list[FigureData]:
    """Show the main metric by two swept parameters: lines that are not parallel interact."""
    chosen: list[tuple[Subject, Pair, int]] = []
    for subject in list_subjects(results):
        pairs = rank_pairs(subject)
        hidden = max(0, len(pairs) - MAX_PAIRS)
        chosen += [(subject, pair, hidden) for pair in pairs[:MAX_PAIRS]]
    stems = make_file_stems(
        ("interaction_plot", *subject.name.split(" on "), *pair)
        for subject, pair, _ in chosen
    )
    figures = [
        _show_pair(stem, *one)
        for stem, one in zip(stems, chosen, strict=True)
    ]
    if figures:
        return figures
    counts = results.cells["n_ok"].tolist()
    message = make_message(NO_PAIR, ("parameter", "main metric"))
    caption = f"{NO_PAIR} {describe_seeds(counts)}"
    return [
        FigureData("interaction_plot", "interaction plot", caption, message)
    ]


def rank_pairs(subject: Subject) -> list[Pair]:
    """Return the pairs of parameters whose values are combined.

    Those whose interaction has the largest share of the variance come first.
    """
    pairs = []
    for pair in itertools.combinations(subject.list_axes(), 2):
        levels = subject.select(pair).levels
        counts = [len({level[index] for level in levels}) for index in (0, 1)]
        if min(counts, default=0) > 1:
            pairs.append(pair)
    shares = {pair: _get_share(subject, pair) for pair in pairs}
    return sorted(pairs, key=lambda pair: -shares[pair])


def _get_share(subject: Subject, pair: Pair) -> float:
    """Return the share of variance of an interaction; 0 if it is not known."""
    if subject.decomposition is None:
        return 0.0
    share = subject.decomposition.find(pair)
    return 0.0 if share is None else share.mean


def _show_pair(
    stem: str, subject: Subject, pair: Pair, hidden: int
) -> FigureData:
    block = subject.select(pair)
    across, lines = _arrange(subject, pair)
    line_values = _list_present(subject, block, pair, lines)
    drawn = line_values[:MAX_SERIES]
    x_values = _list_present(subject, block, pair, across)
    positions, x = _make_axis(subject, across, x_values)
    info = subject.runs.results.metrics[subject.metric]
    series: list[Series] = []
    for style, value in enumerate(drawn):
        columns, places = [], []
        for x_value, position in zip(x_values, positions, strict=True):
            level = _make_level(pair, {across: x_value, lines: value})
            if level in block.levels:
                columns.append(block.levels.index(level))
                places.append(position)
        places = _shift(places, positions, x.scale, style, len(drawn))
        label = subject.get_text(lines, value)
        values = block.values[:, columns]
        series += _make_line(label, places, values, style, info.range)
    y_label = format_axis_label(subject.runs.results, subject.metric)
    panel = Panel(series, x, Axis(y_label, bounds=info.range))
    caption = _describe(subject, pair, block, hidden)
    if len(drawn) < len(line_values):
        caption += (
            f" The first {len(drawn)} of {len(line_values)} values of {lines} "
            "are drawn."
        )
    plot = Plot([panel], legend_title=lines)
    title = f"{subject.name}: {across} by {lines}"
    return FigureData(stem, title, caption, plot, subject.model)


def _arrange(subject: Subject, pair: Pair) -> Pair:
    """Return the parameter along the horizontal axis, and the one with a line per value.

    Numbers run along the axis; of two alike, the parameter with more values does.
    """

    def make_key(name: str) -> tuple[bool, int]:
        values = subject.list_values(name)
        return is_numeric(values), len(values)

    first, second = pair
    if make_key(second) > make_key(first):
        return second, first
    return first, second


def _list_present(
    subject: Subject, block: Block, pair: Pair, name: str
) -> list[Any]:
    """Return the values of a parameter that the block has, in ascending order."""
    index = pair.index(name)
    present = [level[index] for level in block.levels]
    return [value for value in subject.list_values(name) if value in present]


def _make_level(pair: Pair, values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(values[name] for name in pair)


def _make_axis(
    subject: Subject, name: str, values: list[Any]
) -> tuple[list[float], Axis]:
    """Return the position of each value, and the axis with a tick at each."""
    labels = tuple(subject.get_text(name, value) for value in values)
    positions = [float(index) for index in range(len(values))]
    scale = "linear"
    if is_numeric(values):
        positions = [float(value) for value in values]
        if make_axis(name, positions).is_doubling and positions[0] > 0:
            scale = "log"
    axis = Axis(name, scale, ticks=tuple(positions), tick_labels=labels)
    return positions, axis


def _shift(
    places: list[float],
    positions: list[float],
    scale: str,
    style: int,
    lines: int,
) -> list[float]:
    """Return the places of a line, moved a little so that intervals do not hide each other.

    Args:
        places: of the line's levels.
        positions: of all levels along the axis, ascending.
        scale: of the axis, linear or logarithmic.
        style: number of the line.
        lines: number of lines.
    """
    is_log = scale == "log"
    scaled = np.log(positions) if is_log else np.array(positions)
    gap = float(np.diff(scaled).min()) if len(scaled) > 1 else 0.0
    offset = gap * SHIFT * (style - (lines - 1) / 2) / max(1, lines - 1)
    if is_log:
        return [position * math.exp(offset) for position in places]
    return [position + offset for position in places]


def _make_line(
    label: str,
    positions: list[float],
    values: np.ndarray,
    style: int,
    bounds: tuple[float | None, float | None],
) -> list[Series]:
    """Return the means with their intervals, and the values of few seeds as dots.

    Args:
        label: the entry in the legend.
        positions: of the levels [levels].
        values: one per seed and level [seeds, levels].
        style: number of the series.
        bounds: the range of the metric.
    """
    seeds, levels = values.shape
    groups = np.tile(np.arange(levels), seeds)
    one = summarize(values.ravel(), groups, levels, bounds)
    line = Series(
        label, positions, one.mean, one.low, one.high, one.n, style=style
    )
    if not 1 < seeds <= MAX_SEEDS_SHOWN:
        return [line]
    dots = Series(
        label,
        np.tile(positions, seeds),
        values.ravel(),
        mark=Mark.SEED_DOTS,
        style=style,
    )
    return [line, dots]


def _describe(subject: Subject, pair: Pair, block: Block, hidden: int) -> str:
    """Return the caption: what is drawn, what it is averaged over, and what is left out."""
    seeds = describe_seeds([len(block.seeds)])
    others = [name for name in subject.list_axes() if name not in pair]
    sentences = [
        f"Lines that are not parallel interact. {seeds} Lines are shifted a little, "
        "so that their intervals are seen."
    ]
    if others:
        names = ", ".join(others)
        sentences.append(f"Averaged over {names} within each seed.")
    if 1 < len(block.seeds) <= MAX_SEEDS_SHOWN:
        sentences.append("Small dots are single seeds.")
    if block.left_out:
        sentences.append(
            f"{block.left_out} runs without a partner at every level are left out."
        )
    if hidden:
        sentences.append(
            f"The {MAX_PAIRS} pairs with the largest interactions are drawn, "
            f"{hidden} are not; the table of importance has them all."
        )
    return " ".join(sentences)
