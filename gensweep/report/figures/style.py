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

from gensweep.core.registries import ReportItem
from gensweep.report.figures.fonts import choose_families, make_legible
from gensweep.report.remarks import describe_sample_counts, explain_missing
from gensweep.report.summary import Summary
from gensweep.report.tables.groups import Group, name_groups, select_grids

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

SERIES = 7
"""Most series in one figure: as many as can be told apart."""
MOST_FIGURES = 24
"""Most settings of one page that are drawn; the log names how many are not."""
REPORT = "report"
_LEGEND = 1.5
"""What the legend of panels takes beside their title [inches]."""
DPI = 150
"""Of the PNG files."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = (
    "-",
    "--",
    "-.",
    (0, (1, 1.2)),
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1)),
)
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
    "axes.formatter.useoffset": False,  # a number to be added would stand apart from its axis, over the title
    "text.parse_math": False,  # names hold dollars, and are no formulas
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "savefig.dpi": DPI,
}
_METHOD = "Mean over seeds and its 95% confidence interval (Student's t), of the points that are ok"
_log = logging.getLogger(__name__)


def render(figure_page: ReportItem, results: Results) -> Iterator[tuple[str, bytes, bytes]]:
    """Draw a page's figures: name, SVG and PNG, the same bytes for the same results."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    fonts = {"font.family": choose_families(_texts(results))}
    with style.context(["default", _RC | fonts], after_reset=True):
        for name, figure in figure_page.make(results):
            engine = figure.get_layout_engine()
            if engine is not None:  # laid out once, not anew for each file
                engine.execute(figure)
                figure.set_layout_engine("none")
            svg, png = io.BytesIO(), io.BytesIO()
            figure.dpi = DPI
            FigureCanvasSVG(figure).print_svg(
                svg, metadata={"Date": None, "Creator": None}
            )  # `savefig` draws twice
            figure.dpi = DPI
            FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
            yield name, svg.getvalue(), png.getvalue()


def _texts(results: Results) -> Iterator[str]:
    """Return the texts of a user's own that figures may show."""
    yield results.sweep.name
    for cell in results.sweep.cells:
        yield cell.model
        yield from (value for value in cell.params.values() if isinstance(value, str))


def drawn_settings(results: Results, name: str, axes: tuple[str, ...]) -> list[tuple[str, Group]]:
    """The settings of a page that get a figure each, after their files' stems; the log names how many are left out."""
    kept, _ = select_grids(results, axes)
    if len(kept) > MOST_FIGURES:
        _log.warning(
            "%s: the first %d of %d settings are drawn; the tables have all",
            name,
            MOST_FIGURES,
            len(kept),
        )
    return name_groups(name, kept)[:MOST_FIGURES]


def canvas(size: tuple[float, float], title: str, caption: str) -> tuple[Figure, Axes]:
    """A figure [inches] with its title above and its caption below."""
    figure = _captioned(size, caption)
    axes = figure.add_subplot()
    axes.set_title(wrapped(title, size[0]), loc="left")
    return figure, axes


def panels(
    size: tuple[float, float], titles: Sequence[str], title: str, caption: str
) -> tuple[Figure, list[Axes]]:
    """A figure [inches] of axes side by side, each with a title of its own."""
    figure = _captioned(size, caption)
    figure.suptitle(wrapped(title, size[0] - _LEGEND), x=0.01, ha="left", size=10.0)
    found = figure.subplots(1, len(titles), squeeze=False)[0].tolist()
    for axes, text in zip(found, titles, strict=True):
        axes.set_title(wrapped(text, (size[0] - 2) / len(titles)), loc="left", size=9.0)
    return figure, found


def wrapped(text: str, width: float) -> str:
    """A title in lines of so many inches."""
    return "\n".join(textwrap.wrap(make_legible(text), int(width * 11)))


def paragraph(text: str, width: float) -> str:
    """A caption in lines of so many inches, with single blanks."""
    return "\n".join(textwrap.wrap(" ".join(make_legible(text).split()), int(width * 16)))


def _captioned(size: tuple[float, float], caption: str) -> Figure:
    from matplotlib.figure import Figure

    caption = paragraph(caption, size[0])
    extra = 0.14 * caption.count("\n")
    figure = Figure(figsize=(size[0], size[1] + extra), layout="constrained")
    figure.supxlabel(caption, x=0.01, ha="left", size=7.5, color="#404040")
    return figure


def line(
    axes: Axes,
    results: Results,
    cells: Sequence[str],
    x: str,
    metric: str | None,
    label: str,
    style: int,
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


def legend(figure: Figure, axes: Axes | Sequence[Axes], title: str = "") -> None:
    """Beside the axes, in the order of drawing but the report last; axes with nothing drawn say so in words."""
    found: dict[str, Any] = {}
    for one in [axes] if not isinstance(axes, Sequence) else axes:
        _say_if_empty(one)
        for handle, text in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(text, handle)
    if found:
        texts = sorted(found, key=lambda text: text == REPORT)
        handles = [found[text] for text in texts]
        title, *labels = (
            "\n".join(textwrap.wrap(make_legible(text), 28)) for text in (title, *texts)
        )
        figure.legend(handles, labels, loc="outside right upper", title=title, alignment="left")


def _say_if_empty(axes: Axes) -> None:
    """Words in the place of what nobody has measured."""
    drawn = any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in axes.lines)
    if not drawn and not axes.patches and not axes.texts:
        axes.text(
            0.5,
            0.5,
            "Nothing is measured yet.",
            transform=axes.transAxes,
            ha="center",
            color="#404040",
        )
        axes.set(xticks=[], yticks=[])


def label(results: Results, metric: str | None) -> str:
    """An axis label: a metric of the test set with its unit."""
    return f"test {metric}{unit(results, metric)}" if metric else "no metric"


def unit(results: Results, metric: str) -> str:
    """A metric's unit in brackets, on a line of its own if it is long."""
    unit = results.metrics[metric].unit if metric in results.metrics else ""
    return "\n" * (len(unit) > 12) + f" [{unit}]" if unit else ""


def method(results: Results, cells: Sequence[str], metric: str | None) -> str:
    """The caption's first sentences: what is drawn, of how many seeds, and why some of it is missing."""
    if metric is None:
        return "No metric."
    counts = results.cells.set_index("cell").loc[list(cells), f"{metric}_n"]
    beside = (
        *describe_sample_counts(results, cells, [metric]),
        *explain_missing(results, cells, [metric]),
    )
    return " ".join([seeds_caption(counts), *beside])


def seeds_caption(counts: Iterable[int]) -> str:
    """What the means and intervals are of, given the number of seeds behind each."""
    found = sorted({int(count) for count in counts if count > 0})
    if not found:
        return "Nothing is measured yet."
    if found == [1]:
        return "One seed (n = 1): no interval is defined."
    undefined = "; no interval is defined where n = 1" if found[0] == 1 else ""
    return f"{_METHOD}; {seed_count(found)}{undefined}."


def seed_count(counts: Iterable[int]) -> str:
    """How many seeds: ``n = 3 seeds``, ``n = 1 to 3 seeds``."""
    found = sorted({int(count) for count in counts}) or [0]
    if found[0] == found[-1]:
        return f"n = {found[0]} seed{'s' * (found[0] != 1)}"
    return f"n = {found[0]} to {found[-1]} seeds"
