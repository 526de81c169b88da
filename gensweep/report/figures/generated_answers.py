"""Answers that points draw as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.core.soundness import READER_METRIC
from gensweep.ledger.ledger import POINTS
from gensweep.report.figures.data import FigureData
from gensweep.report.figures.files import MissingFiles, load_picture
from gensweep.report.figures.grids import ImageGrid, make_message
from gensweep.report.figures.samples import (
    CORNER_SIZE,
    LAST_SHEET,
    MAX_ROW_PIXELS,
    NO_SHEET,
)
from gensweep.report.figures.selection import (
    ShownCell,
    describe_choice,
    describe_nothing,
    describe_points,
    format_scores,
    select_best_and_others,
)
from gensweep.report.figures.settings import (
    list_drawing_answers,
    split_by_dataset,
)
from gensweep.report.settings import Setting, name_settings

if TYPE_CHECKING:
    from gensweep.report.results import Results


@register_figure("generated_answers")
def make_generated_answers(results: Results) -> list[FigureData]:
    """Show answers as pictures, and what a reader reads in them (the paper's Figure 14)."""
    settings = split_by_dataset(results, list_drawing_answers(results))
    if settings:
        named = name_settings("generated_answers", settings)
        return [_show_answers(results, stem, one) for stem, one in named]
    text = "No model of this sweep draws its answers."
    caption = describe_nothing(results)
    content = make_message(text, ("query", "cell"))
    return [
        FigureData("generated_answers", "generated answers", caption, content)
    ]


def _show_answers(
    results: Results, stem: str, setting: Setting
) -> FigureData:
    model = setting.model
    cells = select_best_and_others(results, setting, count=2)
    title, axis_labels = (
        f"{setting.title}: generated answers",
        ("query of the test set", "cell"),
    )
    if not cells:
        content = make_message(NO_SHEET, axis_labels)
        return FigureData(
            stem, title, describe_nothing(results, [model]), content, model
        )
    missing = MissingFiles()
    rows = [[_load_last_sheet(results, one, missing)] for one in cells]
    caption = (
        f"{describe_choice(results, model, setting.cells)} {describe_points(cells)} "
        "Each answer is above a picture of the right one; "
        "below them are the query and what else the trial wrote."
    )
    for one in cells:
        scores = format_scores(
            results, one.cell, ("read_exact_match", READER_METRIC)
        )
        caption += f" {one.name}: {scores}."
    caption += missing.format_caption()
    if all(isinstance(row[0], str) for row in rows):
        content = make_message(NO_SHEET, axis_labels)
    else:
        labels = [one.title for one in cells]
        files = [[f"{POINTS}/{one.sample[1]}/{LAST_SHEET}"] for one in cells]
        content = ImageGrid(rows, labels, [""], axis_labels, files=files)
    return FigureData(stem, title, caption, content, model)


def _load_last_sheet(
    results: Results, cell: ShownCell, missing: MissingFiles
) -> np.ndarray | str:
    """Return the upper part of the sheet of a cell's last epoch, or why there is none."""
    _, point = cell.sample
    sheet = load_picture(
        results.store, f"{POINTS}/{point}/{LAST_SHEET}", missing
    )
    return (
        sheet
        if isinstance(sheet, str)
        else sheet[: 2 * CORNER_SIZE[0], :MAX_ROW_PIXELS]
    )
