"""Lines, bands and legends, drawn alike in every figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.figures.data import Mark, Series
from gensweep.report.figures.fonts import make_legible
from gensweep.report.figures.style import (
    COLOURS,
    LINE_STYLES,
    MARKERS,
    MAX_SERIES,
    TEXT_GREY,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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


def draw_series(axes: Axes, series: Series) -> None:
    """Draw a series by its mark; a value that is NaN leaves a gap."""
    x, y = np.asarray(series.x, float), np.asarray(series.y, float)
    look = _get_line_look(series.style)
    if series.mark == Mark.ERROR_BARS:
        _draw_error_bars(axes, series, look)
    elif series.mark == Mark.BAND:
        step = max(1, len(x) // _MARKERS_PER_BAND)
        axes.plot(x, y, markevery=step, label=series.label, **look)
        if len(series.low):
            band: dict[str, Any] = {
                "color": look["color"],
                "alpha": 0.18,
                "linewidth": 0,
            }
            axes.fill_between(
                x, np.asarray(series.low), np.asarray(series.high), **band
            )
    elif series.mark == Mark.PROGRESS:
        steps: dict[str, Any] = {"drawstyle": "steps-post", "markersize": 3}
        axes.plot(x, y, label=series.label, **look, **steps)
    elif series.mark == Mark.DOTS:
        dots: dict[str, Any] = {
            "linestyle": "",
            "alpha": 0.5,
            "color": look["color"],
        }
        axes.plot(x, y, marker=look["marker"], label=series.label, **dots)
    elif series.mark == Mark.SEED_DOTS:
        seeds: dict[str, Any] = {"alpha": 0.6, "markersize": 2.6, "zorder": 3}
        hollow = {"markerfacecolor": "white", "markeredgewidth": 0.8}
        axes.plot(x, y, "o", color=look["color"], **seeds, **hollow)
    elif series.mark == Mark.SEED_LINE:
        axes.plot(x, y, color=look["color"], linewidth=0.6, alpha=0.45)
    elif series.mark == Mark.BACKGROUND:
        axes.plot(x, y, color="#CFCFCF", linewidth=0.8, zorder=1)
    elif series.mark == Mark.PAPER:
        axes.plot(
            x, y, color="black", linestyle=":", marker="x", label=series.label
        )
    elif series.mark == Mark.BARS:
        axes.stairs(y, x, fill=True, color="#C9C9C9", label=series.label)
    else:
        axes.stairs(
            y, x, color=look["color"], linewidth=1.5, label=series.label
        )


def _draw_error_bars(
    axes: Axes, series: Series, look: dict[str, Any]
) -> None:
    y = np.asarray(series.y, float)
    lengths = None
    if len(series.low):
        low, high = (
            np.asarray(series.low, float),
            np.asarray(series.high, float),
        )
        lengths = np.stack([y - low, high - y])
    x = np.asarray(series.x, float)
    bars: dict[str, Any] = {"capsize": 2.5, "elinewidth": 0.9}
    axes.errorbar(x, y, lengths, label=series.label, **bars, **look)


def add_legend(
    figure: Figure, axes: Axes | Sequence[Axes], title: str = ""
) -> None:
    """Add a legend to the right of the axes; axes with nothing drawn get a text instead.

    The entries have the order of drawing, but the numbers of the paper come last.
    """
    all_axes = axes if isinstance(axes, Sequence) else [axes]
    entries: dict[str, Any] = {}
    for one in all_axes:
        _label_if_empty(one)
        for handle, text in zip(
            *one.get_legend_handles_labels(), strict=True
        ):
            entries.setdefault(text, handle)
    if not entries:
        return
    texts = sorted(entries, key=lambda text: text == PAPER_LABEL)
    handles = [entries[text] for text in texts]
    title, *labels = (_wrap_legend(text) for text in (title, *texts))
    figure.legend(
        handles,
        labels,
        loc="outside right upper",
        title=title,
        alignment="left",
    )


def _wrap_legend(text: str) -> str:
    return "\n".join(textwrap.wrap(make_legible(text), _LEGEND_CHARACTERS))


def _label_if_empty(axes: Axes) -> None:
    """Write a text into axes that show no number."""
    is_drawn = any(
        np.isfinite(np.asarray(line.get_ydata(), float)).any()
        for line in axes.lines
    )
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
