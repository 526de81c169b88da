"""Pictures in rows and columns, pixel by pixel as they are in their files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.report.figures.fonts import make_legible
from gensweep.report.figures.style import PNG_DPI, TEXT_GREY, wrap_caption, wrap_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Content = np.ndarray | str

GAP_PIXELS = 10
"""Distance between pictures."""
LABEL_CHARACTERS = 22
"""Longest line of a row's label."""
MESSAGE_SIZE = (440, 900)
"""Height and width of a text that stands beside no picture [pixels]."""
_MIN_WIDTH = 5.2
_TITLE_LINE, _CAPTION_LINE, _LABEL_CHARACTER = 0.165, 0.145, 0.062
"""Height of a line and width of a character [inches]."""


def draw_image_grid(
    rows: Sequence[Sequence[Content]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str,
    caption: str,
    axis_labels: tuple[str, str],
    scale: int = 1,
) -> Figure:
    """Draw a grid with a picture in every cell, or a text on why there is none.

    Nothing is resampled: the SVG holds the files' own pixels. The PNG draws each of them as
    ``scale`` by ``scale`` pixels.

    Args:
        rows: pictures, uint8 [h, w, 3], or texts; every row has the same length.
        row_labels: one a row.
        column_labels: one a column.
        title: above the grid.
        caption: below the grid.
        axis_labels: names of what runs along the columns, and along the rows.
        scale: pixels of the PNG for a pixel of a picture, in each direction.
    """
    from matplotlib.figure import Figure

    widths, heights = _measure_columns(rows), _measure_rows(rows)
    lefts, tops = _compute_starts(widths), _compute_starts(heights)
    grid_width, grid_height = lefts[-1] + widths[-1], tops[-1] + heights[-1]
    across = _round_to_pixels(grid_width * scale / PNG_DPI)
    down = _round_to_pixels(grid_height * scale / PNG_DPI)
    labels = ["\n".join(textwrap.wrap(make_legible(t), LABEL_CHARACTERS)) for t in row_labels]
    left = _round_to_pixels(0.45 + _LABEL_CHARACTER * _measure_longest_line(labels))
    width = _round_to_pixels(max(left + across + 0.15, _MIN_WIDTH))
    caption = wrap_caption(caption, width)
    title = wrap_title(title, width)
    above = _round_to_pixels(0.15 + _TITLE_LINE * (title.count("\n") + 1))
    axis_height = 0.62 if any(column_labels) else 0.42
    below = _round_to_pixels(axis_height + _CAPTION_LINE * (caption.count("\n") + 1))
    height = above + down + below
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, below / height, across / width, down / height))
    figure.suptitle(title, x=0.1 / width, y=1 - 0.06 / height, ha="left", va="top", size=10.0)
    figure.supxlabel(caption, x=0.1 / width, y=0.07 / height, ha="left", size=7.5, color=TEXT_GREY)
    for row, top, tall in zip(rows, tops, heights, strict=True):
        for content, start, wide in zip(row, lefts, widths, strict=True):
            _draw_content(axes, content, start, top, wide, tall)
    column_texts = [make_legible(text) for text in column_labels]
    axes.set_xticks(_compute_centres(lefts, widths), column_texts)
    axes.set_xlabel(axis_labels[0])
    _hide_frame(axes)
    axes.set_yticks(_compute_centres(tops, heights), labels, multialignment="right", size=8.0)
    axes.set_ylabel(axis_labels[1])
    _hide_frame(axes)
    axes.set(xlim=(0, grid_width), ylim=(grid_height, 0))
    return figure


def draw_message(title: str, text: str, caption: str, axis_labels: tuple[str, str]) -> Figure:
    """Draw a figure without pictures, with a text that says why."""
    return draw_image_grid([[text]], [""], [""], title, caption, axis_labels)


def _measure_columns(rows: Sequence[Sequence[Content]]) -> list[int]:
    """Return the width of each column [pixels]."""
    _, default = _get_smallest_size(rows)
    return [_get_largest(column, 1, default) for column in zip(*rows, strict=True)]


def _measure_rows(rows: Sequence[Sequence[Content]]) -> list[int]:
    """Return the height of each row [pixels]."""
    default, _ = _get_smallest_size(rows)
    return [_get_largest(row, 0, default) for row in rows]


def _get_smallest_size(rows: Sequence[Sequence[Content]]) -> tuple[int, int]:
    """Return the smallest height and width of a picture, for lines that have only texts."""
    sizes = [cell.shape[:2] for row in rows for cell in row if isinstance(cell, np.ndarray)]
    if not sizes:
        return MESSAGE_SIZE
    return min(height for height, _ in sizes), min(width for _, width in sizes)


def _get_largest(line: Sequence[Content], axis: int, default: int) -> int:
    sizes = [content.shape[axis] for content in line if isinstance(content, np.ndarray)]
    return max(sizes, default=default)


def _measure_longest_line(labels: Sequence[str]) -> int:
    lines = [line for text in labels for line in text.split("\n")]
    return max(map(len, lines), default=0)


def _round_to_pixels(inches: float) -> float:
    """Return the nearest length of whole pixels.

    At a fraction of a pixel, a picture would lose a row or column here and repeat one there.
    """
    return round(inches * PNG_DPI) / PNG_DPI


def _compute_starts(lengths: Sequence[int]) -> list[int]:
    """Return where each row or column begins [pixels]."""
    return [sum(lengths[:index]) + GAP_PIXELS * index for index in range(len(lengths))]


def _compute_centres(starts: Sequence[int], lengths: Sequence[int]) -> list[float]:
    return [start + length / 2 for start, length in zip(starts, lengths, strict=True)]


def _draw_content(
    axes: Axes, content: Content, left: int, top: int, width: int, height: int
) -> None:
    """Draw a picture at the top left of its cell, or a text in the middle of it."""
    if isinstance(content, str):
        # A character takes about 18 pixels.
        characters = max(8, width // 18)
        axes.text(
            left + width / 2,
            top + height / 2,
            "\n".join(textwrap.wrap(make_legible(content), characters)),
            ha="center",
            va="center",
            size=7.5,
            color=TEXT_GREY,
        )
        return
    down, across = content.shape[:2]
    extent = (left, left + across, top + down, top)
    axes.imshow(content, extent=extent, interpolation="none", aspect="auto")


def _hide_frame(axes: Axes) -> None:
    """Show neither tick marks, nor a grid, nor the lines around the axes."""
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
