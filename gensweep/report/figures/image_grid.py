"""Pictures in rows and columns, pixel by pixel as they are in their files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.report.figures.fonts import make_legible
from gensweep.report.figures.grids import ImageGrid
from gensweep.report.figures.style import PNG_DPI, TEXT_GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.figures.grids import Image

GAP_PIXELS = 10
"""Distance between pictures."""
LABEL_CHARACTERS = 22
"""Longest line of a row's label."""
MESSAGE_SIZE = (150, 900)
"""Height and width of a text that stands beside no picture [pixels]."""
_MIN_WIDTH = 5.2
_LABEL_CHARACTER = 0.062
"""Width of a character [inches]."""


def draw_image_grid(grid: ImageGrid) -> Figure:
    """Draw a grid with a picture in every cell, or a text on why there is none.

    Nothing is resampled: the SVG holds the files' own pixels. The PNG draws each of them as
    ``grid.scale`` by ``grid.scale`` pixels.
    """
    from matplotlib.figure import Figure

    rows = grid.images
    widths, heights = _measure_columns(rows), _measure_rows(rows)
    lefts, tops = _compute_starts(widths), _compute_starts(heights)
    grid_width, grid_height = lefts[-1] + widths[-1], tops[-1] + heights[-1]
    across = _round_to_pixels(grid_width * grid.scale / PNG_DPI)
    down = _round_to_pixels(grid_height * grid.scale / PNG_DPI)
    texts = [
        textwrap.wrap(make_legible(text), LABEL_CHARACTERS)
        for text in grid.row_labels
    ]
    labels = ["\n".join(lines) for lines in texts]
    left = _round_to_pixels(
        0.45 + _LABEL_CHARACTER * _measure_longest_line(labels)
    )
    width = _round_to_pixels(max(left + across + 0.15, _MIN_WIDTH))
    above = _round_to_pixels(0.1)
    below = _round_to_pixels(0.5 if any(grid.column_labels) else 0.3)
    height = above + down + below
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (left / width, below / height, across / width, down / height)
    )
    for row, top, tall in zip(rows, tops, heights, strict=True):
        for content, start, wide in zip(row, lefts, widths, strict=True):
            _draw_content(axes, content, start, top, wide, tall)
    column_texts = [make_legible(text) for text in grid.column_labels]
    axes.set_xticks(_compute_centres(lefts, widths), column_texts)
    axes.set_xlabel(grid.axis_labels[0])
    _hide_frame(axes)
    axes.set_yticks(
        _compute_centres(tops, heights),
        labels,
        multialignment="right",
        size=8.0,
    )
    axes.set_ylabel(grid.axis_labels[1])
    _hide_frame(axes)
    axes.set(xlim=(0, grid_width), ylim=(grid_height, 0))
    return figure


def _measure_columns(rows: Sequence[Sequence[Image]]) -> list[int]:
    """Return the width of each column [pixels]."""
    _, default = _get_smallest_size(rows)
    return [
        _get_largest(column, 1, default) for column in zip(*rows, strict=True)
    ]


def _measure_rows(rows: Sequence[Sequence[Image]]) -> list[int]:
    """Return the height of each row [pixels]."""
    default, _ = _get_smallest_size(rows)
    return [_get_largest(row, 0, default) for row in rows]


def _get_smallest_size(rows: Sequence[Sequence[Image]]) -> tuple[int, int]:
    """Return the smallest height and width of a picture, for lines that have only texts."""
    sizes = [
        cell.shape[:2]
        for row in rows
        for cell in row
        if isinstance(cell, np.ndarray)
    ]
    if not sizes:
        return MESSAGE_SIZE
    return min(height for height, _ in sizes), min(
        width for _, width in sizes
    )


def _get_largest(line: Sequence[Image], axis: int, default: int) -> int:
    sizes = [
        content.shape[axis]
        for content in line
        if isinstance(content, np.ndarray)
    ]
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
    return [
        sum(lengths[:index]) + GAP_PIXELS * index
        for index in range(len(lengths))
    ]


def _compute_centres(
    starts: Sequence[int], lengths: Sequence[int]
) -> list[float]:
    return [
        start + length / 2
        for start, length in zip(starts, lengths, strict=True)
    ]


def _draw_content(
    axes: Axes, content: Image, left: int, top: int, width: int, height: int
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
