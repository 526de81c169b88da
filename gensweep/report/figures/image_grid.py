"""Pictures in rows and columns, pixel by pixel as they are in their files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.report.figures.fonts import make_legible
from gensweep.report.figures.style import DPI, paragraph, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 10
"""Between pictures [pixel]."""
LABEL = 22
"""Longest line of a row's label [characters]."""
_LINE, _CAPTION_LINE, _CHARACTER = 0.165, 0.145, 0.062


def draw_image_grid(
    rows: Sequence[Sequence[np.ndarray | str]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str,
    caption: str,
    axis_labels: tuple[str, str],
    scale: int = 1,
) -> Figure:
    """A figure with a picture, or words on why there is none, in every place of a grid.

    Nothing is resampled: the SVG holds the files' own pixels, the PNG ``scale`` of its own for each, both ways.

    Args:
        rows: uint8 [h, w, 3] or words each; every row as long as the others.
        row_labels: one a row.
        column_labels: one a column.
        axis_labels: of what runs along the columns and along the rows.
    """
    from matplotlib.figure import Figure

    widths, heights = _sizes(rows)
    lefts, tops = _starts(widths), _starts(heights)
    across, down = (
        _whole((starts[-1] + sizes[-1]) * scale / DPI)
        for starts, sizes in ((lefts, widths), (tops, heights))
    )
    labels = ["\n".join(textwrap.wrap(make_legible(text), LABEL)) for text in row_labels]
    longest = max((len(line) for text in labels for line in text.split("\n")), default=0)
    left = _whole(0.45 + _CHARACTER * longest)
    width = _whole(max(left + across + 0.15, 5.2))
    caption = paragraph(caption, width)
    title = wrapped(title, width)
    above = _whole(0.15 + _LINE * (title.count("\n") + 1))
    below = _whole(
        (0.62 if any(column_labels) else 0.42) + _CAPTION_LINE * (caption.count("\n") + 1)
    )
    height = above + down + below
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, below / height, across / width, down / height))
    figure.suptitle(title, x=0.1 / width, y=1 - 0.06 / height, ha="left", va="top", size=10.0)
    figure.supxlabel(caption, x=0.1 / width, y=0.07 / height, ha="left", size=7.5, color="#404040")
    for row, top, tall in zip(rows, tops, heights, strict=True):
        for content, start, wide in zip(row, lefts, widths, strict=True):
            _place(axes, content, start, top, wide, tall)
    _frame(
        axes,
        [s + w / 2 for s, w in zip(lefts, widths, strict=True)],
        list(map(make_legible, column_labels)),
        axis_labels[0],
        "x",
    )
    _frame(
        axes, [s + h / 2 for s, h in zip(tops, heights, strict=True)], labels, axis_labels[1], "y"
    )
    axes.set(xlim=(0, lefts[-1] + widths[-1]), ylim=(tops[-1] + heights[-1], 0))
    return figure


def draw_message(title: str, text: str, caption: str, axis_labels: tuple[str, str]) -> Figure:
    """A figure with nothing to draw, which says why."""
    return draw_image_grid([[text]], [""], [""], title, caption, axis_labels)


def _sizes(rows: Sequence[Sequence[np.ndarray | str]]) -> tuple[list[int], list[int]]:
    """The widths of the columns and the heights of the rows [pixel]; words take what the pictures beside them take."""
    pictures = [
        content.shape[:2] for row in rows for content in row if isinstance(content, np.ndarray)
    ]
    least = (min(h for h, _ in pictures), min(w for _, w in pictures)) if pictures else (440, 900)

    def largest(line: Sequence[np.ndarray | str], axis: int) -> int:
        return max((c.shape[axis] for c in line if isinstance(c, np.ndarray)), default=least[axis])

    return [largest(column, 1) for column in zip(*rows, strict=True)], [
        largest(row, 0) for row in rows
    ]


def _whole(inches: float) -> float:
    """As whole pixels: between them, the nearest would be another one here and there."""
    return round(inches * DPI) / DPI


def _starts(lengths: Sequence[int]) -> list[int]:
    return [sum(lengths[:place]) + GAP * place for place in range(len(lengths))]


def _place(
    axes: Axes, content: np.ndarray | str, left: int, top: int, width: int, height: int
) -> None:
    if isinstance(content, str):
        text = "\n".join(textwrap.wrap(make_legible(content), max(8, width // 18)))
        axes.text(
            left + width / 2,
            top + height / 2,
            text,
            ha="center",
            va="center",
            size=7.5,
            color="#404040",
        )
        return
    down, across = content.shape[:2]
    axes.imshow(
        content, extent=(left, left + across, top + down, top), interpolation="none", aspect="auto"
    )


def _frame(
    axes: Axes, places: Sequence[float], labels: Sequence[str], name: str, which: str
) -> None:
    if which == "x":
        axes.set_xticks(places, labels)
        axes.set_xlabel(name)
    else:
        axes.set_yticks(places, labels, multialignment="right", size=8.0)
        axes.set_ylabel(name)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
