"""Figures of what was swept: shares of variance, and profiles of performance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.captions import format_axis_label, format_seed_count
from gensweep.report.figures.style import COLOURS, LINE_STYLES, MAX_SERIES, create_figure
from gensweep.report.stats.aggregates import compute_profile
from gensweep.report.stats.subject import Subject
from gensweep.report.tables.importance import describe_share, list_subjects
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

MAX_SHARES = 15
"""More shares than this are not drawn: the table has all."""
_THRESHOLDS = 200


@register_figure("importance")
def draw_importance(results: Results) -> Figures:
    """Draw the share of variance of each swept parameter and pair, a figure per model."""
    return _draw_each(results, "importance", _draw_shares)


@register_figure("performance_profile")
def draw_performance_profile(results: Results) -> Figures:
    """Draw the share of runs that reach each value of the main metric, by the main parameter."""
    return _draw_each(results, "performance_profile", _draw_profile)


def _draw_each(results: Results, name: str, draw: Callable[[Subject], Figure]) -> Figures:
    """Draw a figure for each model and dataset that was swept."""
    subjects = list_subjects(results)
    stems = make_file_stems([(name, *subject.name.split(" on ")) for subject in subjects])
    figures = [(stem, draw(one)) for stem, one in zip(stems, subjects, strict=True)]
    return figures or [(name, _draw_nothing(name))]


def _draw_nothing(name: str) -> Figure:
    figure, axes = create_figure((4.5, 2.2), name.replace("_", " "), "No parameter varies.")
    axes.set_xlabel("share")
    axes.set(ylabel="parameter", yticks=[])
    return figure


def _draw_shares(subject: Subject) -> Figure:
    decomposition = subject.decomposition
    title = f"{subject.name}: share of the variance"
    if decomposition is None:
        caption = "No full grid of two values is measured, or its cells do not differ."
        figure, axes = create_figure((4.5, 2.2), title, caption)
        axes.set(
            xlabel="share of the variance between cells", xlim=(0, 1), ylabel="parameter", yticks=[]
        )
        return figure
    shares = sorted(decomposition.shares, key=lambda share: share.mean)[-MAX_SHARES:]
    seeds = len(decomposition.grid.seeds)
    count = format_seed_count([seeds])
    caption = (
        f"Share of the variance of {subject.metric} between the cells of a seed, over the full "
        f"grid of what varies; mean over seeds and 95% confidence interval (Student's t), {count}. "
        "Noise is part of it, and of interactions most."
    )
    figure, axes = create_figure((5.5, 1.4 + 0.28 * len(shares)), title, caption)
    means = np.array([share.mean for share in shares])
    rows = np.arange(len(shares))
    axes.barh(rows, means, color=COLOURS[0], height=0.6)
    if seeds > 1:
        ends = np.array([[share.low, share.high] for share in shares])
        errors = np.abs(ends.T - means)
        axes.errorbar(means, rows, xerr=errors, fmt="none", ecolor="black", capsize=2.5, lw=1)
    axes.set_yticks(rows, [describe_share(share) for share in shares])
    axes.set(xlabel="share of the variance between cells", xlim=(0, 1), ylabel="parameter")
    return figure


def _draw_profile(subject: Subject) -> Figure:
    """Draw the profile of each value of the parameter with the largest share of the variance."""
    axis = _choose_axis(subject)
    by_value: dict[str, list[float]] = {}
    per_cell: Counter[tuple[object, str]] = Counter()
    runs = subject.runs.list_runs_along(subject.model, subject.dataset, subject.metric, (axis,))
    texts = [subject.get_text(axis, value) for value in subject.list_values(axis)]
    for _, setting, (level,), number in runs:
        text = subject.get_text(axis, level)
        by_value.setdefault(text, []).append(number)
        per_cell[setting, text] += 1
    drawn = [text for text in texts if text in by_value][:MAX_SERIES]
    sign = subject.sign or 1
    word = "at least" if sign > 0 else "at most"
    caption = (
        f"Share of the runs, over seeds and over all else that varies, whose {subject.metric} is "
        f"{word} the value on the horizontal axis, by {axis}; "
        f"{format_seed_count(per_cell.values())} per cell."
    )
    if len(by_value) > len(drawn):
        caption += f" The first {len(drawn)} of {len(by_value)} values are drawn."
    figure, axes = create_figure((5.5, 3.2), f"{subject.name}: performance profile", caption)
    numbers = np.array([number for text in drawn for number in by_value[text]])
    if len(numbers):
        thresholds = np.linspace(numbers.min(), numbers.max(), _THRESHOLDS)
        for index, text in enumerate(drawn):
            shares = compute_profile(np.array(by_value[text]), thresholds, sign)
            label = f"{axis}={text} ({len(by_value[text])} runs)"
            style = LINE_STYLES[index]
            axes.step(thresholds, shares, color=COLOURS[index], linestyle=style, label=label)
        axes.legend()
    axes.set(xlabel=format_axis_label(subject.runs.results, subject.metric), ylim=(-0.02, 1.02))
    axes.set_ylabel("share of runs")
    return figure


def _choose_axis(subject: Subject) -> str:
    """Return the parameter with the largest share of the variance, or the first one."""
    axes = subject.list_axes()
    if subject.decomposition is None:
        return axes[0]
    single = [share for share in subject.decomposition.shares if share.axes[0] in axes]
    single = [share for share in single if len(share.axes) == 1]
    return max(single, key=lambda share: share.mean).axes[0]
