"""Figures and samples on the page: pictures within the file, in as few bytes as possible."""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gensweep.core.errors import RecordError
from gensweep.core.own_data import OWN_DATA
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.status import Status
from gensweep.report.figures.data import CustomPlot, Plot
from gensweep.report.figures.files import read_picture_file
from gensweep.report.figures.samples import LAST_SHEET
from gensweep.report.figures.selection import select_best_and_others
from gensweep.report.figures.settings import describe_sheet_rows
from gensweep.report.page import Collected
from gensweep.report.record_metrics import VALIDATION
from gensweep.report.remarks import has_values
from gensweep.report.settings import (
    Setting,
    describe_cell,
    list_settings,
)

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

MAX_PICTURE_BYTES = 16_000_000
"""Most bytes of a sweep's figures on a page, and of its samples; further ones are links."""
_CSS_PIXELS_PER_PNG_PIXEL = 96 / 200


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes:
        name: stem of the file, or id of the point.
        title: above the picture.
        words: the caption.
        source: the picture as a URI; empty if it is too large, or if there is `trouble`.
        width: as shown [CSS pixels].
        height: as shown [CSS pixels].
        trouble: why it cannot be shown; empty if it can.
        kind: `plot` if its colours may be inverted on a dark page.
    """

    name: str
    title: str
    words: str
    source: str = ""
    width: int = 0
    height: int = 0
    trouble: str = ""
    kind: str = ""


def list_unmeasured_models(results: Results) -> list[str]:
    """Return the models without any point that is ok."""
    measured = set(results.cells.loc[results.cells["n_ok"] > 0, "model"])
    return [model for model in results.models if model not in measured]


def list_models_with_samples(results: Results) -> list[str]:
    """Return the models that write samples: all but tasks, which read their own data."""
    tasks = set()
    for model, cell in results.cells[["model", "cell"]].itertuples(
        index=False
    ):
        if results.params[cell].get("dataset") == OWN_DATA:
            tasks.add(model)
    return [model for model in results.models if model not in tasks]


def embed_figures(collected: Collected) -> list[Picture]:
    """Return each figure as SVG or PNG, whichever is smaller.

    Figures of models with nothing measured are left out.
    """
    empty_models = list_unmeasured_models(collected.results)
    bytes_left = MAX_PICTURE_BYTES
    pictures = []
    for figure in collected.figures:
        data = figure.data
        if data.model in empty_models:
            continue
        kind = "plot" if _can_invert(data.content) else ""
        picture = Picture(data.name, data.title, data.caption, kind=kind)
        content, kind = figure.svg, "svg+xml"
        if len(figure.png) < len(figure.svg):
            content, kind = figure.png, "png"
        if len(content) <= bytes_left:
            bytes_left -= len(content)
            width, height = (
                round(s * _CSS_PIXELS_PER_PNG_PIXEL)
                for s in _read_size(figure.png)
            )
            source = _make_data_uri(content, kind)
            picture = replace(
                picture, source=source, width=width, height=height
            )
        pictures.append(picture)
    return pictures


def _can_invert(content: object) -> bool:
    """Return whether a dark page may exchange light and dark in a figure."""
    if isinstance(content, CustomPlot):
        return content.can_invert
    return isinstance(content, Plot)


def embed_samples(results: Results) -> list[Picture]:
    """Return the samples of the best and worst cell of each model and dataset, on validation.

    They are those of the cell's first seed that is ok. Tasks have none.
    """
    pictures, bytes_left = [], MAX_PICTURE_BYTES
    is_ok = results.points["status"] == Status.OK
    first_points = (
        results.points[is_ok].drop_duplicates("cell").set_index("cell")
    )
    models = list_models_with_samples(results)
    for setting in list_settings(results, models):
        for role, cell in _choose_cells(results, setting):
            picture = _describe_sample(
                results, setting, role, cell, first_points.loc[cell]
            )
            picture = _embed_sample(results, picture, bytes_left)
            bytes_left -= len(picture.source)
            pictures.append(picture)
    return pictures


def _describe_sample(
    results: Results,
    setting: Setting,
    role: str,
    cell: str,
    point: pd.Series,
) -> Picture:
    """Return the texts of a cell's samples, without the picture itself."""
    model = setting.model
    values = describe_cell(results, cell, setting.varying)
    title = f"{setting.title}, {role} cell"
    if values:
        title += f": {values}"
    words = f"seed {point['seed']}"
    for metric in (
        results.objectives[model],
        results.find_measured_metric(model),
    ):
        if metric is None or math.isnan(point[metric]):
            continue
        label = metric if metric.startswith(VALIDATION) else f"test {metric}"
        words += f", {label} {point[metric]:.4g}"
    words += f". {describe_sheet_rows(results, model)}"
    return Picture(str(point["id"]), title, words.rstrip(". ") + ".")


def _choose_cells(
    results: Results, setting: Setting
) -> list[tuple[str, str]]:
    """Return (role, cell) of the best and the worst cell, or of the only one.

    Cells that cannot be ranked give the first one with a result.
    """
    model = setting.model
    cells = select_best_and_others(results, setting, count=2)
    if not has_values(results, model, setting.cells):
        return [("first", one.cell) for one in cells[:1]]
    if len(cells) == 1:
        return [("only measured", cells[0].cell)]
    return [(one.role, one.cell) for one in cells]


def _embed_sample(
    results: Results, picture: Picture, bytes_left: int
) -> Picture:
    """Return the picture with its source, or with the trouble that prevents it."""
    name = f"{POINTS}/{picture.name}/{LAST_SHEET}"
    try:
        content, pixels = read_picture_file(results.store, name)
    except FileNotFoundError:
        return replace(picture, trouble=f"The point has no {LAST_SHEET}.")
    except RecordError as error:
        # The page must not depend on where the results lie.
        reason = str(error).removeprefix(f"{results.store.uri(name)}: ")
        return replace(
            picture, trouble=f"Its {LAST_SHEET} cannot be shown: {reason}."
        )
    if len(content) > bytes_left:
        return picture
    height, width = pixels.shape[:2]
    return replace(
        picture,
        source=_make_data_uri(content, "png"),
        width=width,
        height=height,
    )


def _read_size(png: bytes) -> tuple[int, int]:
    """Return the width and height of a complete PNG, from its first block."""
    return struct.unpack(">II", png[16:24])


def _make_data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
