"""The figures of a paper: vector files of a column's width, in a paper's typeface."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import FIGURES
from gensweep.report.figures.data import CustomPlot, FigureData, Plot
from gensweep.report.figures.drawing import draw
from gensweep.report.figures.grids import Heatmap, ImageGrid
from gensweep.report.figures.rendering import use_style
from gensweep.report.item_functions import make_figures_of
from gensweep.report.measurement import Measurement
from gensweep.report.paper_kit.captions import describe_figure
from gensweep.report.paper_kit.figure_layout import (
    SMALL_SIZE,
    TEXT_SIZE,
    choose_picture_scale,
    crop_pictures,
    fit_heatmap,
    label_pictures,
    limit_text,
    measure_pictures,
    move_legend_below,
    use_fallback_font,
    wrap_axis_labels,
    write_labels,
)
from gensweep.report.paper_kit.labels import Labels
from gensweep.report.paper_kit.options import (
    COMPUTER_MODERN,
    FONTS,
    KitOptions,
)
from gensweep.report.paper_kit.stems import make_kit_stems

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

logging.getLogger("fontTools").setLevel(logging.ERROR)
WIDTHS = {1: 3.25, 2: 6.75}
"""Width of one column and of two [inches]; LaTeX scales a figure to its column by a few percent."""
MAX_STRETCH = 1.4
"""A grid of pictures that is this much wider than a column is still drawn for one."""
PANEL_HEIGHT = 2.2
"""Height of a plot [inches], without its legend."""
_RC: dict[str, Any] = {
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "legend.fontsize": SMALL_SIZE,
    "legend.title_fontsize": SMALL_SIZE,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
}


@dataclass(frozen=True)
class KitFigure:
    """A figure of a paper.

    Attributes:
        name: stem of its files.
        pdf: content of the PDF file.
        caption: plain text.
        is_wide: whether it needs both columns.
    """

    name: str
    pdf: bytes
    caption: str
    is_wide: bool


def make_kit_figures(
    results: Results, labels: Labels, options: KitOptions
) -> Iterator[KitFigure | str]:
    """Yield the figures that the sweep names, or a sentence on one that has nothing to show."""
    drawn: list[FigureData] = []
    for name in dict.fromkeys(results.sweep.figures):
        if name not in FIGURES:
            # Of a user's file that is not here.
            yield f"{results.sweep.name}: the figure {name} is not known"
            continue
        drawn += make_figures_of(FIGURES[name], results)
    stems = make_kit_stems([(results.sweep.name, one.name) for one in drawn])
    with use_style(results), _use_paper_style(options.font):
        for stem, data in zip(stems, drawn, strict=True):
            if not has_content(data):
                yield f"{stem}: nothing to show yet"
                continue
            figure, is_wide = draw_for_paper(data, labels, options.columns)
            caption = describe_figure(data, labels)
            yield KitFigure(stem, _print_pdf(figure), caption, is_wide)


@contextlib.contextmanager
def _use_paper_style(font: str) -> Generator[None]:
    """Draw in a paper's typeface; letters that it lacks come from the other fonts."""
    from matplotlib import rcParams, style

    families, mathematics = FONTS[font]
    fonts = {
        "font.family": [*families, *rcParams["font.family"]],
        "mathtext.fontset": mathematics,
        # Computer Modern has no minus in its text font.
        "axes.unicode_minus": font != COMPUTER_MODERN,
    }
    with style.context(_RC | fonts), warnings.catch_warnings():
        # It advises to write ticks as formulas, which are off: names may have dollar signs.
        warnings.filterwarnings("ignore", "cmr10 font should ideally")
        yield


def has_content(data: FigureData) -> bool:
    """Return whether a figure shows any number or picture."""
    content = data.content
    if isinstance(content, Heatmap):
        return any(
            isinstance(value, Measurement)
            for row in content.values
            for value in row
        )
    if isinstance(content, ImageGrid):
        return any(
            not isinstance(image, str)
            for row in content.images
            for image in row
        )
    frame = content.to_frame()
    if isinstance(content, Plot):
        return bool(len(frame)) and bool(frame["y"].notna().any())
    return bool(len(frame))


def draw_for_paper(
    data: FigureData, labels: Labels, columns: int
) -> tuple[Figure, bool]:
    """Draw a figure for one column, or for both if it has too much for one.

    Returns:
        The figure, and whether it needs both columns.
    """
    content = data.content
    if isinstance(content, ImageGrid):
        content = label_pictures(content, labels)
    count = max(columns, 2 if _needs_both(content) else 1)
    width = WIDTHS[count]
    if isinstance(content, (Plot, CustomPlot)):
        height = _choose_height(content, width)
        content = replace(content, size=(width, height))
    data = replace(data, content=content)
    figure = draw(data)
    if isinstance(content, ImageGrid):
        needed = measure_pictures(figure)
        count = columns if needed <= MAX_STRETCH * WIDTHS[1] else 2
        scale = choose_picture_scale(content, figure, WIDTHS[count])
        figure = draw(replace(data, content=replace(content, scale=scale)))
        crop_pictures(figure, WIDTHS[count])
    write_labels(figure, labels)
    use_fallback_font(figure)
    if isinstance(content, Heatmap):
        fit_heatmap(figure, content, width)
    elif isinstance(content, (Plot, CustomPlot)):
        limit_text(figure)
        panels = len(content.panels) if isinstance(content, Plot) else 1
        wrap_axis_labels(figure, panels)
        move_legend_below(figure)
    return figure, count == 2


def _needs_both(content: Any) -> bool:
    if isinstance(content, Plot):
        return len(content.panels) > 1
    if isinstance(content, Heatmap):
        return len(content.columns) > 6
    if isinstance(content, CustomPlot):
        return content.size[0] > 2 * WIDTHS[1]
    return True


def _choose_height(content: Plot | CustomPlot, width: float) -> float:
    """Return the height of a plot [inches]; one of its own shape keeps it."""
    if isinstance(content, CustomPlot):
        return min(
            content.size[1],
            max(PANEL_HEIGHT, content.size[1] * width / content.size[0]),
        )
    return PANEL_HEIGHT


def _print_pdf(figure: Figure) -> bytes:
    """Return a figure as PDF; the same figure gives the same bytes."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    file = io.BytesIO()
    metadata = {"CreationDate": None, "Creator": None, "Producer": None}
    FigureCanvasPdf(figure).print_pdf(file, metadata=metadata)
    return file.getvalue()
