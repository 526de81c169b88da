"""How every figure looks, and how it becomes files.

Series differ in colour (Okabe and Ito's, safe for the colour-blind), marker and line, so that they stay
apart in grey; the colour map of the heatmaps (cividis) rises evenly in brightness.
"""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.catalog import Page
from gensweep.read.statistics import Summary
from gensweep.read.tables.groups import Group, grids

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.read.results import Results

    Figures = list[tuple[str, Figure]]

SERIES = 7
"""Most series in one figure: as many as can be told apart."""
MOST_FIGURES = 24
"""Most settings of one page that are drawn; the log names how many are not."""
REPORT = "report"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
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
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "savefig.dpi": 200,
}
_METHOD = "Mean over seeds and its 95% confidence interval (Student's t), of the points that are ok"
_log = logging.getLogger(__name__)


def render(figure_page: Page, results: Results) -> Iterator[tuple[str, bytes, bytes]]:
    """Draw a page's figures: name, SVG and PNG, the same bytes for the same results."""
    from matplotlib import style

    with style.context(["default", _RC], after_reset=True):
        for name, figure in figure_page.make(results):
            svg, png = io.BytesIO(), io.BytesIO()
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
            figure.savefig(png, format="png", metadata={"Software": None})
            yield name, svg.getvalue(), png.getvalue()


def drawn_settings(results: Results, name: str, axes: tuple[str, ...]) -> list[Group]:
    """The settings of a page that get a figure each; the log names how many are left out."""
    kept, _ = grids(results, axes)
    if len(kept) > MOST_FIGURES:
        _log.warning("%s: the first %d of %d settings are drawn; the tables have all", name, MOST_FIGURES, len(kept))
    return kept[:MOST_FIGURES]


def canvas(size: tuple[float, float], title: str, caption: str) -> tuple[Figure, Axes]:
    """A figure [inches] with its title above and its caption below."""
    from matplotlib.figure import Figure

    characters = int(size[0] * 16)
    caption = "\n".join(textwrap.wrap(caption, characters))
    extra = 0.14 * caption.count("\n")
    figure = Figure(figsize=(size[0], size[1] + extra), layout="constrained")
    figure.supxlabel(caption, x=0.01, ha="left", size=7.5, color="#404040")
    axes = figure.add_subplot()
    axes.set_title("\n".join(textwrap.wrap(title, int(size[0] * 11))), loc="left")
    return figure, axes


def line(
    axes: Axes, results: Results, cells: Sequence[str], x: str, metric: str | None, label: str, style: int
) -> None:
    """Means with error bars; cells without a number leave a gap."""
    if metric is None:
        return
    rows = results.cells.set_index("cell").loc[list(cells)]
    axes.errorbar(
        [results.params[cell][x] for cell in cells], rows[f"{metric}_mean"], rows[f"{metric}_ci95"],
        color=COLOURS[style % SERIES], linestyle=LINES[style % SERIES], marker=MARKERS[style % SERIES],
        capsize=2.5, elinewidth=0.9, label=label,
    )  # fmt: skip


def band(axes: Axes, x: np.ndarray, summary: Summary, label: str, style: int) -> None:
    """A mean with its interval as a band, which is absent where it is not defined."""
    colour = COLOURS[style % SERIES]
    axes.plot(
        x, summary.mean, color=colour, linestyle=LINES[style % SERIES], marker=MARKERS[style % SERIES],
        markevery=max(1, len(x) // 10), label=label,
    )  # fmt: skip
    low, high = summary.mean - summary.ci95, summary.mean + summary.ci95
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def legend(figure: Figure, axes: Axes, title: str = "") -> None:
    """Beside the axes, in the order of drawing but the report last."""
    pairs = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda pair: pair[1] == REPORT)
    if pairs:
        handles, labels = zip(*pairs, strict=True)
        title = "\n".join(textwrap.wrap(title, 28))
        figure.legend(handles, labels, loc="outside right upper", title=title, alignment="left")


def label(results: Results, metric: str | None) -> str:
    """An axis label: a metric of the test set with its unit."""
    return f"test {metric}{unit(results, metric)}" if metric else "no metric"


def unit(results: Results, metric: str) -> str:
    """A metric's unit in brackets, on a line of its own if it is long."""
    unit = results.metrics[metric].unit if metric in results.metrics else ""
    return "\n" * (len(unit) > 12) + f" [{unit}]" if unit else ""


def method(results: Results, cells: Sequence[str], metric: str | None) -> str:
    """The caption's first sentence: what is drawn, and of how many seeds."""
    if metric is None:
        return "No metric."
    return seeds_caption(results.cells.set_index("cell").loc[list(cells), f"{metric}_n"])


def seeds_caption(counts: Iterable[int]) -> str:
    """What the means and intervals are of, given the number of seeds behind each."""
    found = sorted({int(count) for count in counts if count > 0})
    if not found:
        return "Nothing is measured yet."
    if found == [1]:
        return "One seed (n = 1): no interval is defined."
    seeds = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
    undefined = "; no interval is defined where n = 1" if found[0] == 1 else ""
    return f"{_METHOD}; n = {seeds} seeds{undefined}."
