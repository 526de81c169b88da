"""Figures of what was swept: shares of variance, and profiles of performance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import (
    format_axis_label,
    format_seed_count,
)
from gensweep.report.figures.data import (
    Axis,
    CustomPlot,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.grids import make_message
from gensweep.report.figures.selection import describe_nothing
from gensweep.report.figures.style import COLOURS, MAX_SERIES
from gensweep.report.stats.aggregates import compute_profile
from gensweep.report.stats.subject import Subject
from gensweep.report.tables.importance import describe_share, list_subjects
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

MAX_SHARES = 15
"""More shares than this are not drawn: the table has all."""
_SHARE_LABELS = ("share of the variance between cells", "parameter")


@register_figure("importance")
def make_importance(results: Results) -> list[FigureData]:
    """Show the share of variance of each swept parameter and pair, a figure per model."""
    subjects = [
        one for one in list_subjects(results) if one.decomposition is not None
    ]
    message = "No full grid of two parameters is measured, or its cells do not differ."
    return _make_each(results, "importance", _make_shares, subjects, message)


@register_figure("performance_profile")
def make_performance_profile(results: Results) -> list[FigureData]:
    """Show the share of runs that reach each value of the main metric, by one parameter."""
    return _make_each(
        results,
        "performance_profile",
        _make_profile,
        list_subjects(results),
        "No parameter varies.",
    )


def _make_each(
    results: Results,
    name: str,
    make: Callable[[str, Subject], FigureData],
    subjects: Sequence[Subject],
    message: str,
) -> list[FigureData]:
    """Return a figure for each model and dataset; one with a message if there is none."""
    stems = make_file_stems(
        [(name, *one.name.split(" on ")) for one in subjects]
    )
    figures = [
        make(stem, one) for stem, one in zip(stems, subjects, strict=True)
    ]
    if figures:
        return figures
    title = name.replace("_", " ")
    caption = f"{message} {describe_nothing(results)}"
    content = make_message(message, _SHARE_LABELS)
    return [FigureData(name, title, caption, content)]


def _make_shares(name: str, subject: Subject) -> FigureData:
    decomposition = subject.decomposition
    assert decomposition is not None  # as the caller has checked
    title = f"{subject.name}: share of the variance"
    count = format_seed_count([len(decomposition.grid.seeds)])
    caption = (
        f"Share of the variance of {subject.metric} between the cells of a seed, over the full "
        f"grid of what varies; mean over seeds and 95% confidence interval (Student's t), {count}. "
        "Noise is part of it, and of interactions most."
    )
    import pandas as pd

    shares = sorted(decomposition.shares, key=lambda share: -share.mean)[
        :MAX_SHARES
    ]
    rows = [
        (describe_share(one), one.mean, one.low, one.high) for one in shares
    ]
    frame = pd.DataFrame(rows, columns=["parameter", "share", "low", "high"])
    size = (5.5, 1.0 + 0.3 * len(shares))
    plot = CustomPlot(
        frame, lambda figure: _draw_shares(figure, frame), size, True
    )
    return FigureData(name, title, caption, plot, subject.model)


def _draw_shares(figure: Figure, frame: pd.DataFrame) -> None:
    """Draw horizontal bars with their intervals, the largest on top."""
    axes = figure.add_subplot()
    shares = frame[::-1]
    means, places = shares["share"].to_numpy(), np.arange(len(shares))
    axes.barh(places, means, color=COLOURS[0], height=0.6)
    if shares["low"].notna().any():
        errors = np.abs(shares[["low", "high"]].to_numpy().T - means)
        axes.errorbar(
            means,
            places,
            xerr=errors,
            fmt="none",
            ecolor="black",
            capsize=2.5,
            lw=1,
        )
    axes.set_yticks(places, shares["parameter"].tolist())
    axes.set(xlabel=_SHARE_LABELS[0], ylabel=_SHARE_LABELS[1], xlim=(0, 1))


def _make_profile(name: str, subject: Subject) -> FigureData:
    """Return the profile of each value of the parameter with the largest share of the variance."""
    axis = _choose_axis(subject)
    by_value: dict[str, list[float]] = {}
    per_cell: Counter[tuple[object, str]] = Counter()
    runs = subject.runs.list_runs_along(
        subject.model, subject.dataset, subject.metric, (axis,)
    )
    for _, setting, (level,), number in runs:
        text = subject.get_text(axis, level)
        by_value.setdefault(text, []).append(number)
        per_cell[setting, text] += 1
    texts = [
        subject.get_text(axis, value) for value in subject.list_values(axis)
    ]
    drawn = [text for text in texts if text in by_value][:MAX_SERIES]
    word = "at most" if subject.sign < 0 else "at least"
    caption = (
        f"Share of the runs, over seeds and over all else that varies, whose {subject.metric} is "
        f"{word} the value on the horizontal axis, by {axis}; "
        f"{format_seed_count(per_cell.values())} per cell."
    )
    if len(by_value) > len(drawn):
        caption += (
            f" The first {len(drawn)} of {len(by_value)} values are drawn."
        )
    label = format_axis_label(subject.runs.results, subject.metric)
    series = _list_steps(
        {text: by_value[text] for text in drawn}, subject.sign or 1
    )
    panel = Panel(
        series, Axis(label), Axis("share of runs", limits=(-0.02, 1.02))
    )
    title = f"{subject.name}: performance profile"
    return FigureData(
        name, title, caption, Plot([panel], legend_title=axis), subject.model
    )


def _list_steps(by_value: dict[str, list[float]], sign: int) -> list[Series]:
    """Return a line of steps for each value: it changes at the runs alone, so it is exact."""
    if not by_value:
        return []
    edges = np.unique(
        np.concatenate([np.array(one) for one in by_value.values()])
    )
    margin = 0.02 * float(np.ptp(edges)) or 0.01 * abs(float(edges[0])) or 1.0
    edges = np.array([edges[0] - margin, *edges, edges[-1] + margin])
    # Between two runs, the share is that of the next one, seen from the better end.
    thresholds = edges[1:] if sign > 0 else edges[:-1]
    series = []
    for index, (text, numbers) in enumerate(by_value.items()):
        shares = compute_profile(np.array(numbers), thresholds, sign)
        x = np.repeat(edges, 2)[1:-1]
        label = f"{text} ({len(numbers)} runs)"
        series.append(
            Series(
                label, x, np.repeat(shares, 2), mark=Mark.BAND, style=index
            )
        )
    return series


def _choose_axis(subject: Subject) -> str:
    """Return the parameter with the largest share of the variance, or the first one."""
    if subject.decomposition is None:
        return subject.list_axes()[0]
    single = [
        one
        for one in subject.decomposition.shares
        if one.axes[0] in subject.list_axes()
    ]
    single = [one for one in single if len(one.axes) == 1]
    return max(single, key=lambda one: one.mean).axes[0]
