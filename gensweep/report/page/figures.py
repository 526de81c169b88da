"""Figures and samples as they stand on the page: pictures within the file, as few bytes as they can be."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import RecordError
from gensweep.core.registries import ReportItem
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import OK
from gensweep.report.figures.files import read_picture_file
from gensweep.report.figures.samples import LAST_SHEET
from gensweep.report.figures.selection import select_best_and_others
from gensweep.report.figures.settings import describe_sheet_rows
from gensweep.report.measured import MAIN_METRICS, VALIDATION
from gensweep.report.page import Collected, RenderedFigure
from gensweep.report.remarks import has_values
from gensweep.system.naming import make_file_stem

if TYPE_CHECKING:
    from gensweep.report.results import Results

MOST_BYTES = 16_000_000
"""Most bytes of a sweep's figures on a page, and of its samples; further ones are links."""
_PIXELS = 96 / 200
"""Of CSS, for a pixel of a figure's PNG."""


@dataclass(frozen=True)
class Picture:
    """A picture of the page; `source` is empty where it is too large, or where there is `trouble` with it."""

    name: str
    title: str
    words: str
    source: str = ""
    width: int = 0
    height: int = 0
    trouble: str = ""


def render_figures(page: ReportItem, results: Results) -> Iterator[RenderedFigure]:
    """A page's figures, with the title and the caption that are drawn in them."""
    from gensweep.report.figures.style import render

    words: dict[str, tuple[str, str]] = {}

    def noting(results: Results) -> Iterator[tuple[str, Any]]:
        for name, figure in page.make(results):
            words[name] = _title(figure) or name, _line(figure.get_supxlabel())
            yield name, figure

    for name, svg, png in render(replace(page, make=noting), results):
        yield RenderedFigure(name, *words[name], svg, png, _model(page, name, results))


def _model(page: ReportItem, name: str, results: Results) -> str:
    """The model that a figure is of, by its name; empty where it is of all of them."""
    stems = {model: make_file_stem(page.name, model) for model in results.models}
    found = [model for model, stem in stems.items() if name == stem or name.startswith(f"{stem}-")]
    return max(found, key=len, default="")


def unmeasured(results: Results) -> list[str]:
    """The models without any point that is ok."""
    done = set(results.cells.loc[results.cells["n_ok"] > 0, "model"])
    return [model for model in results.models if model not in done]


def _title(figure: Any) -> str:
    own = [axes.get_title(loc="left") for axes in figure.axes[:1]]
    return _line(figure.get_suptitle() or "".join(own))


def _line(text: str) -> str:
    return " ".join(text.split())


def pictures(made: Collected) -> list[Picture]:
    """Each figure as SVG or PNG, whichever is smaller; none of models with nothing measured."""
    found, left, empty = [], MOST_BYTES, unmeasured(made.results)
    for figure in made.figures:
        if figure.model in empty:
            continue
        content, kind = min(
            (figure.svg, "svg+xml"), (figure.png, "png"), key=lambda pair: len(pair[0])
        )
        width, height = (round(size * _PIXELS) for size in _size(figure.png))
        picture = Picture(figure.name, figure.title, figure.caption)
        if len(content) <= left:
            left -= len(content)
            picture = replace(picture, source=_uri(content, kind), width=width, height=height)
        found.append(picture)
    return found


def samples(results: Results) -> list[Picture]:
    """For each model what its best and its worst cell on the validation set gave: of the first seed that is ok."""
    found, left = [], MOST_BYTES
    points = (
        results.points[results.points["status"] == OK].drop_duplicates("cell").set_index("cell")
    )
    for model in results.models:
        metrics = [name for name in (results.objectives[model], _measured(results, model)) if name]
        for rank, cell in _extremes(results, model):
            row = points.loc[cell]
            names = [name for name in results.varying_of[model] if name in results.params[cell]]
            setting = ", ".join(
                f"{name}={results.names.get_text(name, results.params[cell][name])}"
                for name in names
            )
            told = [name if name.startswith(VALIDATION) else f"test {name}" for name in metrics]
            pairs = zip(told, (row[name] for name in metrics), strict=True)
            value = "".join(f", {name} {number:.4g}" for name, number in pairs if number == number)
            title = f"{model}, {rank} cell{f': {setting}' if setting else ''}"
            said = (
                f"seed {row['seed']}{value}. {describe_sheet_rows(results, model)}".rstrip(". ")
                + "."
            )
            picture = _sample(results, Picture(str(row["id"]), title, said), left)
            left -= len(picture.source)
            found.append(picture)
    return found


def _measured(results: Results, model: str) -> str | None:
    """The first of the main metrics that any of the model's cells has."""
    found = results.cells[results.cells["model"] == model]
    names = [name for name in MAIN_METRICS if name in results.list_metrics(model)]
    return next((name for name in names if found[f"{name}_mean"].notna().any()), None)


def _extremes(results: Results, model: str) -> list[tuple[str, str]]:
    """("best", cell) and ("worst", cell), as far as there are such; without an order the first with anything."""
    shown = select_best_and_others(results, model, count=2)
    if not has_values(results, model):
        return [("first", one.cell) for one in shown[:1]]
    return [("only measured" if len(shown) == 1 else one.role, one.cell) for one in shown]


def _sample(results: Results, picture: Picture, left: int) -> Picture:
    name = f"{POINTS}/{picture.name}/{LAST_SHEET}"
    place = f"{results.store.uri(name)}: "
    try:
        content, pixels = read_picture_file(results.store, name)
    except FileNotFoundError:
        return replace(picture, trouble=f"The point has no {LAST_SHEET}.")
    except RecordError as error:
        return replace(
            picture, trouble=f"Its {LAST_SHEET} cannot be shown: {str(error).removeprefix(place)}."
        )
    if len(content) > left:
        return picture
    return replace(
        picture, source=_uri(content, "png"), width=pixels.shape[1], height=pixels.shape[0]
    )


def _size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG that is whole, from its first block."""
    return struct.unpack(">II", png[16:24])


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
