"""Drawn figures made to fit a paper: labels, sizes of type, and a legend below."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.text import Text

from gensweep.report.figures.grids import Heatmap, ImageGrid
from gensweep.report.figures.plots import PAPER_LABEL
from gensweep.report.paper_kit.labels import Labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT_SIZE, SMALL_SIZE, MIN_SIZE = 8.0, 7.0, 5.0
"""Sizes of type [pt]: of labels, of ticks and legends, and the smallest."""
LEGEND_LINE = 0.16
"""Height of a line of the legend [inches]."""
_CHARACTER_EMS = 0.48
"""Mean width of a letter."""
_MARGIN = 0.6
"""Width or height of ticks and labels beside the axes [inches]."""
_MARGINS_OF_HEATMAP = (1.15, 0.55)
_MARGIN_OF_PICTURES = 0.2
MAX_LEGEND_COLUMNS = 4
PUBLISHED = "published"
"""In an author's own paper, "paper" would be ambiguous."""
TEX_FONT = "cmr10"
_UNSAFE = re.compile(r"[^\x00-\x7f]|[<>{}|\"_\\\\~^]")


def list_texts(figure: Figure) -> list[Text]:
    """Return every text of a figure."""
    return [text for text in figure.findobj(Text) if isinstance(text, Text)]


def write_labels(figure: Figure, labels: Labels) -> None:
    """Replace the names of metrics and parameters in a figure by their texts."""
    for text in list_texts(figure):
        shown = text.get_text()
        if shown == PAPER_LABEL:
            text.set_text(PUBLISHED)
        elif shown:
            text.set_text(labels.write(shown))


def label_pictures(grid: ImageGrid, labels: Labels) -> ImageGrid:
    """Return a grid of pictures with the texts for the names in its labels."""
    rows = [labels.write(text) for text in grid.row_labels]
    columns = [labels.write(text) for text in grid.column_labels]
    across, down = grid.axis_labels
    axes = labels.write(across), labels.write(down)
    return replace(
        grid, row_labels=rows, column_labels=columns, axis_labels=axes
    )


def use_fallback_font(figure: Figure) -> None:
    """Draw texts with signs that TeX's own font has elsewhere in another font.

    `cmr10` has the encoding of TeX: where Unicode has ± or <, it has other letters.
    """
    from matplotlib import rcParams

    families = rcParams["font.family"]
    if families[0] != TEX_FONT:
        return
    for text in list_texts(figure):
        if _UNSAFE.search(text.get_text()):
            text.set_fontfamily(families[1:])
    for axes in figure.axes:
        # The numbers in the cells of a heatmap look alike.
        if any(_UNSAFE.search(text.get_text()) for text in axes.texts):
            for text in axes.texts:
                text.set_fontfamily(families[1:])


def limit_text(figure: Figure) -> None:
    """Make no text larger than a label."""
    for text in list_texts(figure):
        if float(text.get_fontsize()) > TEXT_SIZE:
            text.set_fontsize(TEXT_SIZE)


def wrap_axis_labels(figure: Figure, panels: int) -> None:
    """Break the labels of axes that are longer than the axes."""
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        across = width / panels - _MARGIN
        axes.set_xlabel(_wrap(axes.get_xlabel(), across))
        axes.set_ylabel(_wrap(axes.get_ylabel(), height - _MARGIN))


def _wrap(text: str, length: float) -> str:
    """Return a text in lines of a length [inches] at the size of labels."""
    characters = max(10, int(length * 72 / TEXT_SIZE / _CHARACTER_EMS))
    lines = textwrap.wrap(" ".join(text.split()), characters)
    return "\n".join(lines)


def move_legend_below(figure: Figure) -> None:
    """Draw the legend below the axes: beside them, it would take half of a column."""
    for legend in list(figure.legends):
        texts = [_get_line(text) for text in legend.get_texts()]
        title = _get_line(legend.get_title())
        handles = [one for one in legend.legend_handles if one is not None]
        legend.remove()
        width, height = figure.get_size_inches()
        longest = max(map(len, texts), default=1)
        room = width * 72 / SMALL_SIZE / _CHARACTER_EMS
        # A handle and the space around it are as wide as eight letters.
        fitting = int(room / (longest + 8))
        columns = max(1, min(len(texts), fitting, MAX_LEGEND_COLUMNS))
        wrapped = [
            textwrap.fill(text, max(10, int(room) - 8)) for text in texts
        ]
        height_in_lines = sum(text.count("\n") + 1 for text in wrapped)
        lines = -(-height_in_lines // columns) + bool(title)
        figure.set_size_inches(width, height + LEGEND_LINE * lines)
        figure.legend(
            handles,
            wrapped,
            loc="outside lower center",
            title=title or None,
            ncols=columns,
            columnspacing=1.2,
            handlelength=2.4,
        )


def _get_line(text: Text) -> str:
    return text.get_text().replace("\n", " ")


def fit_heatmap(figure: Figure, heatmap: Heatmap, width: float) -> None:
    """Give a heatmap the width [inches], and its cells the largest type that fits them."""
    rows, columns = len(heatmap.rows), len(heatmap.columns)
    texts = [text.get_text().split("\n") for text in figure.axes[0].texts]
    longest = max((len(line) for lines in texts for line in lines), default=1)
    height_in_lines = max(map(len, texts), default=1)
    left, below = _MARGINS_OF_HEATMAP
    cell = (width - left) / columns * 72
    size = cell / longest / _CHARACTER_EMS
    size = min(SMALL_SIZE, max(MIN_SIZE, size))
    for text in figure.axes[0].texts:
        text.set_fontsize(size)
    height = rows * (height_in_lines * size * 1.25 + 4) / 72 + below
    figure.set_size_inches(width, height)
    for axes in figure.axes:
        axes.set_ylabel(_wrap(axes.get_ylabel(), height - _MARGIN / 2))


def choose_picture_scale(
    grid: ImageGrid, figure: Figure, width: float
) -> float:
    """Return the scale at which a grid of pictures has this width [inches]; never a larger one.

    Args:
        grid: the pictures.
        figure: the grid as it is drawn at its own scale.
        width: of a paper's page.
    """
    axes = figure.axes[0]
    natural = figure.get_size_inches()[0]
    across = axes.get_position().width * natural
    room = width - (natural - across)
    return min(grid.scale, grid.scale * max(room, 1.0) / across)


def measure_pictures(figure: Figure) -> float:
    """Return the width of a drawn grid of pictures [inches], without the margin to its right."""
    return figure.axes[0].get_position().x1 * figure.get_size_inches()[0]


def crop_pictures(figure: Figure, width: float) -> None:
    """Give a drawn grid of pictures this width [inches], if there is room to its right."""
    natural, height = figure.get_size_inches()
    needed = measure_pictures(figure)
    if needed > width:
        return
    axes = figure.axes[0]
    box = axes.get_position()
    scale = natural / width
    left = (box.x0 + (width - needed) / natural / 2) * scale
    axes.set_position((left, box.y0, box.width * scale, box.height))
    figure.set_size_inches(width, height)
