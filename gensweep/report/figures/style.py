"""The look of every figure, and how a figure becomes files.

Series differ in colour (Okabe and Ito's, safe for the colour-blind), marker and line style, so they
can be told apart in grey. The colour map of the heatmaps (cividis) rises evenly in brightness.
"""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import ReportItem
from gensweep.report.figures.fonts import choose_families, make_legible
from gensweep.report.tables.groups import Group, name_groups, select_grids

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

MAX_SERIES = 7
"""Most series in one figure: more of them cannot be told apart."""
MAX_FIGURES_PER_ITEM = 24
"""Most settings of one registered figure that are drawn; the log names how many are not."""
PNG_DPI = 150
"""Resolution of the PNG files [pixels per inch]."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINE_STYLES: tuple[Any, ...] = (
    "-",
    "--",
    "-.",
    (0, (1, 1.2)),
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1)),
)
TEXT_GREY = "#404040"
_LEGEND_INCHES = 1.5
"""Width that the legend of panels takes to the right of their title."""
_TITLE_CHARACTERS_PER_INCH, _CAPTION_CHARACTERS_PER_INCH = 11, 16
_CAPTION_LINE_INCHES = 0.14
_RC = {
    "svg.hashsalt": "gensweep",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    # matplotlib would print an offset to be added far from its axis, on top of the title.
    "axes.formatter.useoffset": False,
    # Names may hold dollar signs, which do not start formulas.
    "text.parse_math": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "savefig.dpi": PNG_DPI,
}
_log = logging.getLogger(__name__)


def render(item: ReportItem, results: Results) -> Iterator[tuple[str, bytes, bytes]]:
    """Draw the figures of a registered figure function.

    Returns:
        Name, SVG and PNG of each figure. The same results give the same bytes.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    fonts = {"font.family": choose_families(_iter_user_texts(results))}
    with style.context(["default", _RC | fonts], after_reset=True):
        for name, figure in item.make(results):
            engine = figure.get_layout_engine()
            if engine is not None:
                # Both files must have the same layout, so it is computed once.
                engine.execute(figure)
                figure.set_layout_engine("none")
            svg, png = io.BytesIO(), io.BytesIO()
            figure.dpi = PNG_DPI
            # `savefig` would draw every figure twice.
            FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": None})
            # Printing the SVG changes the resolution of the figure.
            figure.dpi = PNG_DPI
            FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
            yield name, svg.getvalue(), png.getvalue()


def _iter_user_texts(results: Results) -> Iterator[str]:
    """Yield the texts of the user that figures may show."""
    yield results.sweep.name
    for cell in results.sweep.cells:
        yield cell.model
        for value in cell.params.values():
            if isinstance(value, str):
                yield value


def select_settings(results: Results, name: str, axes: tuple[str, ...]) -> list[tuple[str, Group]]:
    """Return the settings that get a figure each; the log names how many get none.

    Args:
        results: the sweep's.
        name: the registered name of the figure.
        axes: parameters that vary within a figure.

    Returns:
        The stem of the figure's files and its cells, for each figure.
    """
    groups, _ = select_grids(results, axes)
    if len(groups) > MAX_FIGURES_PER_ITEM:
        _log.warning(
            "%s: the first %d of %d settings are drawn; the tables have all",
            name,
            MAX_FIGURES_PER_ITEM,
            len(groups),
        )
    return name_groups(name, groups)[:MAX_FIGURES_PER_ITEM]


def create_figure(size: tuple[float, float], title: str, caption: str) -> tuple[Figure, Axes]:
    """Create a figure [inches] with its title above the axes and its caption below them."""
    figure = _create_captioned(size, caption)
    axes = figure.add_subplot()
    axes.set_title(wrap_title(title, size[0]), loc="left")
    return figure, axes


def create_panels(
    size: tuple[float, float], titles: Sequence[str], title: str, caption: str
) -> tuple[Figure, list[Axes]]:
    """Create a figure [inches] of axes side by side, each with its own title."""
    figure = _create_captioned(size, caption)
    figure.suptitle(wrap_title(title, size[0] - _LEGEND_INCHES), x=0.01, ha="left", size=10.0)
    panels = figure.subplots(1, len(titles), squeeze=False)[0].tolist()
    for axes, text in zip(panels, titles, strict=True):
        axes.set_title(wrap_title(text, (size[0] - 2) / len(titles)), loc="left", size=9.0)
    return figure, panels


def wrap_title(text: str, width: float) -> str:
    """Break a title into lines of this width [inches]."""
    characters = int(width * _TITLE_CHARACTERS_PER_INCH)
    return "\n".join(textwrap.wrap(make_legible(text), characters))


def wrap_caption(text: str, width: float) -> str:
    """Break a caption into lines of this width [inches], with single spaces between words."""
    characters = int(width * _CAPTION_CHARACTERS_PER_INCH)
    words = make_legible(text).split()
    return "\n".join(textwrap.wrap(" ".join(words), characters))


def _create_captioned(size: tuple[float, float], caption: str) -> Figure:
    from matplotlib.figure import Figure

    caption = wrap_caption(caption, size[0])
    # The size is meant for one line of caption: further lines make the figure taller.
    extra = _CAPTION_LINE_INCHES * caption.count("\n")
    figure = Figure(figsize=(size[0], size[1] + extra), layout="constrained")
    figure.supxlabel(caption, x=0.01, ha="left", size=7.5, color=TEXT_GREY)
    return figure
