"""Lines, bands and legends, drawn alike in every figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.figures.fonts import make_legible
from gensweep.report.figures.style import COLOURS, LINE_STYLES, MARKERS, MAX_SERIES, TEXT_GREY
from gensweep.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

PAPER_LABEL = "paper"
"""Label of the numbers that the reproduced paper printed."""
_LEGEND_CHARACTERS = 28
_MARKERS_PER_BAND = 10


def _get_line_look(style: int) -> dict[str, Any]:
    """Return the colour, line style and marker of the series with this number."""
    number = style % MAX_SERIES
    return {
        "color": COLOURS[number],
        "linestyle": LINE_STYLES[number],
        "marker": MARKERS[number],
    }


def draw_line(
    axes: Axes,
    results: Results,
    cells: Sequence[str],
    x: str,
    metric: str | None,
    label: str,
    style: int,
) -> None:
    """Draw the means of cells with error bars; a cell without a number leaves a gap.

    Args:
        axes: where to draw.
        results: the sweep's.
        cells: ids, in the order of the line.
        x: the parameter that runs along the horizontal axis.
        metric: its mean runs along the vertical axis; None draws nothing.
        label: the entry in the legend.
        style: number of the series, which chooses its look.
    """
    if metric is None:
        return
    rows = results.cells.set_index("cell").loc[list(cells)]
    positions = [results.params[cell][x] for cell in cells]
    axes.errorbar(
        positions,
        rows[f"{metric}_mean"],
        rows[f"{metric}_ci95"],
        capsize=2.5,
        elinewidth=0.9,
        label=label,
        **_get_line_look(style),
    )


def draw_band(axes: Axes, x: np.ndarray, summary: Summary, label: str, style: int) -> None:
    """Draw a mean, and its interval as a band where it is defined."""
    step = max(1, len(x) // _MARKERS_PER_BAND)
    axes.plot(x, summary.mean, markevery=step, label=label, **_get_line_look(style))
    axes.fill_between(
        x, summary.low, summary.high, color=COLOURS[style % MAX_SERIES], alpha=0.18, linewidth=0
    )


def add_legend(figure: Figure, axes: Axes | Sequence[Axes], title: str = "") -> None:
    """Add a legend to the right of the axes; axes with nothing drawn get a text instead.

    The entries have the order of drawing, but the numbers of the paper come last.
    """
    all_axes = axes if isinstance(axes, Sequence) else [axes]
    entries: dict[str, Any] = {}
    for one in all_axes:
        _label_if_empty(one)
        for handle, text in zip(*one.get_legend_handles_labels(), strict=True):
            entries.setdefault(text, handle)
    if not entries:
        return
    texts = sorted(entries, key=lambda text: text == PAPER_LABEL)
    handles = [entries[text] for text in texts]
    title, *labels = (_wrap_legend(text) for text in (title, *texts))
    figure.legend(handles, labels, loc="outside right upper", title=title, alignment="left")


def _wrap_legend(text: str) -> str:
    return "\n".join(textwrap.wrap(make_legible(text), _LEGEND_CHARACTERS))


def _label_if_empty(axes: Axes) -> None:
    """Write a text into axes that show no number."""
    is_drawn = any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in axes.lines)
    if is_drawn or axes.patches or axes.texts:
        return
    axes.text(
        0.5,
        0.5,
        "Nothing is measured yet.",
        transform=axes.transAxes,
        ha="center",
        color=TEXT_GREY,
    )
    axes.set(xticks=[], yticks=[])
