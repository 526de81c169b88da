"""Figures as files: PDF, SVG, PNG and the CSV of what they show."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from gensweep.core.registries import ReportItem
from gensweep.report.figures.data import FigureData
from gensweep.report.figures.drawing import draw
from gensweep.report.figures.fonts import choose_families
from gensweep.report.figures.style import PNG_DPI, RC
from gensweep.report.item_functions import make_figures_of

if TYPE_CHECKING:
    from gensweep.report.results import Results


@dataclass(frozen=True, eq=False)
class RenderedFigure:
    """A figure as files.

    Attributes:
        data: what it shows, with its title and caption.
        svg: content of the SVG file, without title and caption.
        png: content of the PNG file.
        pdf: content of the PDF file, for LaTeX.
    """

    data: FigureData
    svg: bytes
    png: bytes
    pdf: bytes

    @property
    def name(self) -> str:
        """Stem of its files."""
        return self.data.name

    def rename(self, name: str) -> Self:
        """Return the figure with another stem of its files."""
        return replace(self, data=replace(self.data, name=name))


def render(item: ReportItem, results: Results) -> Iterator[RenderedFigure]:
    """Yield the figures of a registered figure function, drawn.

    The same results give the same bytes.
    """
    with use_style(results):
        for data in make_figures_of(item, results):
            yield RenderedFigure(data, *render_files(data))


@contextlib.contextmanager
def use_style(results: Results) -> Generator[None]:
    """Draw in the style of every figure, in fonts with the letters of the sweep's names."""
    from matplotlib import style

    fonts = {"font.family": choose_families(_iter_user_texts(results))}
    with style.context(["default", RC | fonts], after_reset=True):
        yield


def render_files(data: FigureData) -> tuple[bytes, bytes, bytes]:
    """Return a figure's SVG, PNG and PDF."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure = draw(data)
    engine = figure.get_layout_engine()
    if engine is not None:
        # All files must have the same layout, so it is computed once.
        engine.execute(figure)
        figure.set_layout_engine("none")
    svg, png, pdf = io.BytesIO(), io.BytesIO(), io.BytesIO()
    figure.dpi = PNG_DPI
    # `savefig` would draw every file twice.
    FigureCanvasSVG(figure).print_svg(
        svg, metadata={"Date": None, "Creator": None}
    )
    # Printing the SVG changes the resolution of the figure.
    figure.dpi = PNG_DPI
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
    metadata = {"CreationDate": None, "Creator": None, "Producer": None}
    FigureCanvasPdf(figure).print_pdf(pdf, metadata=metadata)
    return svg.getvalue(), png.getvalue(), pdf.getvalue()


def _iter_user_texts(results: Results) -> Iterator[str]:
    """Yield the texts of the user that figures may show."""
    yield results.sweep.name
    for cell in results.sweep.cells:
        yield cell.model
        for value in cell.params.values():
            if isinstance(value, str):
                yield value
