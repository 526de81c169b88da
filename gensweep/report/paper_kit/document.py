"""The example article that includes everything, and the files that an article includes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gensweep.report.paper_kit.kit_figures import KitFigure
from gensweep.report.paper_kit.kit_tables import KitTable
from gensweep.report.paper_kit.options import COMPUTER_MODERN, TIMES
from gensweep.report.tables.latex_text import escape, join_lines

FONT_PACKAGES = {COMPUTER_MODERN: (), TIMES: (r"\usepackage{mathptmx}",)}
"""Computer Modern is what LaTeX has without a package."""
MAX_FLOATS = 12
"""LaTeX holds so many floats back before it complains; a page of floats after each is safe."""


def write_caption(text: str, label: str) -> str:
    r"""Return the file with the ``\caption`` and ``\label`` of a float."""
    # A caption in parts of sentences breaks lines at any space; long names break at underscores.
    return join_lines(
        [
            "% For a float; \\ref finds it by its label.",
            rf"\caption{{{escape(text, breaks=True)}}}\label{{{label}}}",
        ]
    )


def write_document(
    title: str,
    tables: Sequence[KitTable],
    figures: Sequence[KitFigure],
    sentences: Iterable[str],
    font: str,
) -> str:
    """Return the article as LaTeX.

    Args:
        title: plain text.
        tables, figures: those that were written, in their order.
        sentences: LaTeX of the text, which shows how numbers are used.
        font: typeface, as in `gensweep.report.paper_kit.options.FONTS`.
    """
    lines = [
        "% An example; copy what you need into your own article.",
        r"\documentclass[10pt,twocolumn]{article}",
        r"\usepackage[margin=1in,columnsep=0.25in]{geometry}",
        *FONT_PACKAGES[font],
        r"\usepackage{booktabs,graphicx,siunitx}",
        r"\input{numbers}",
        rf"\title{{{escape(title, breaks=True)}}}",
        r"\author{}",
        r"\date{}",
        r"% Room for many floats.",
        r"\setcounter{topnumber}{4}\setcounter{totalnumber}{8}\setcounter{dbltopnumber}{4}",
        r"\renewcommand{\topfraction}{0.95}\renewcommand{\dbltopfraction}{0.95}",
        r"\renewcommand{\textfraction}{0.05}\renewcommand{\floatpagefraction}{0.6}",
        r"\renewcommand{\dblfloatpagefraction}{0.6}",
        r"\makeatletter\setlength{\@fptop}{0pt}\setlength{\@dblfptop}{0pt}"
        r"\setlength{\@fpsep}{14pt}\setlength{\@dblfpsep}{14pt}\makeatother",
        r"\begin{document}",
        r"\maketitle",
        r"\section{Methods}",
        r"\input{methods}",
        r"\section{Results}",
        *sentences,
        *_write_floats(tables, figures),
        r"\end{document}",
    ]
    return join_lines(lines)


def _write_floats(
    tables: Sequence[KitTable], figures: Sequence[KitFigure]
) -> Iterator[str]:
    """Yield the floats, those of one column first: so they share pages."""
    floats = [(table.is_wide, _write_table(table)) for table in tables]
    floats += [(figure.is_wide, _write_figure(figure)) for figure in figures]
    # A stable sort.
    floats.sort(key=lambda pair: pair[0])
    for count, (_, lines) in enumerate(floats, 1):
        yield from lines
        if count % MAX_FLOATS == 0:
            yield r"\clearpage"


def _write_table(table: KitTable) -> Iterator[str]:
    kind = "table*" if table.is_wide else "table"
    yield ""
    yield rf"\begin{{{kind}}}[tp]"
    yield r"\centering"
    yield rf"\input{{tables/{table.name}-caption}}"
    yield r"\vspace{4pt}"
    yield rf"\input{{tables/{table.name}}}"
    yield rf"\end{{{kind}}}"


def _write_figure(figure: KitFigure) -> Iterator[str]:
    kind = "figure*" if figure.is_wide else "figure"
    width = r"\textwidth" if figure.is_wide else r"\columnwidth"
    options = f"width={width},height=0.8\\textheight,keepaspectratio"
    yield ""
    yield rf"\begin{{{kind}}}[tp]"
    yield r"\centering"
    yield rf"\includegraphics[{options}]{{figures/{figure.name}.pdf}}"
    yield rf"\input{{figures/{figure.name}-caption}}"
    yield rf"\end{{{kind}}}"
