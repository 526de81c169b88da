"""The look of every figure.

Series differ in colour (Okabe and Ito's, safe for the colour-blind), marker and line style, so they
can be told apart in grey. The colour map of the heatmaps (cividis) rises evenly in brightness.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from gensweep.report.figures.fonts import make_legible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SERIES = 7
"""Most series in one figure: more of them cannot be told apart."""
MAX_SEEDS_SHOWN = 10
"""Most seeds that are drawn one by one beside their mean."""
MAX_FIGURES_PER_ITEM = 24
"""Most settings of one registered figure that are drawn; the log names how many are not."""
PNG_DPI = 150
"""Resolution of the PNG files [pixels per inch]."""
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#4D4D4D",
)
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
_TITLE_CHARACTERS_PER_INCH = 11
RC = {
    "svg.hashsalt": "gensweep",
    # Letters as outlines of a font that every journal accepts, not as Type 3.
    "pdf.fonttype": 42,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    # matplotlib would print an offset to be added far from its axis.
    "axes.formatter.useoffset": False,
    # Names may hold dollar signs, which do not start formulas.
    "text.parse_math": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "savefig.dpi": PNG_DPI,
}


def create_figure(size: tuple[float, float]) -> Figure:
    """Create an empty figure [inches], which lays out its axes and its legend by itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def wrap_title(text: str, width: float) -> str:
    """Break a title into lines of this width [inches]."""
    characters = int(width * _TITLE_CHARACTERS_PER_INCH)
    return "\n".join(textwrap.wrap(make_legible(text), characters))
