"""What points draw or write: their sheets of samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import FIGURES, register_item
from gensweep.core.soundness import READER_METRIC
from gensweep.ledger.ledger import POINTS
from gensweep.prepare.contact_sheet import LINE, MARGIN, SCALE
from gensweep.report.figures.files import NOT_KEPT, MissingFiles, load_picture
from gensweep.report.figures.image_grid import draw_image_grid, draw_message
from gensweep.report.figures.selection import (
    Setting,
    ShownCell,
    describe_choice,
    describe_nothing,
    describe_points,
    describe_sheet_rows,
    format_scores,
    list_drawing_answers,
    name_models,
    name_settings,
    select_best_and_others,
    split_by_dataset,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

LAST_SHEET, SAMPLES_FOLDER = "samples.png", "samples"
MOST_EPOCHS = 7
WIDEST = 1500
"""Of all epochs side by side [pixel of the PNG]."""
NO_SHEET = "No sheet of samples to show; the caption says why."
_EPOCH = re.compile(r"epoch-([0-9]+)\.png")


def _tile(height: int, width: int, caption: bool) -> tuple[int, int]:
    """What a picture of a sheet takes, with its margin [pixel]."""
    return height * SCALE + MARGIN + LINE * caption, width * SCALE + MARGIN


TILES = {_tile(64, 64, False): 2, _tile(56, 84, True): 1, _tile(28, 140, True): 1}
"""Size of a sheet's tile -> how many are shown of a row."""
ROWS = 2
"""Rows of tiles that are shown from the top of a sheet, and from its bottom: of a model that reconstructs and samples,
both."""
CORNER = (304, 288)
"""What is shown of any other sheet [pixel]."""


@register_item(FIGURES, "samples_by_epoch")
def samples_by_epoch(results: Results) -> Figures:
    """Samples at the epochs kept, of the best, the median and the worst cell (the report's Figures 2 to 4)."""
    return [
        (name, _by_epoch(results, one))
        for name, one in name_settings(
            "samples_by_epoch", split_by_dataset(results, results.models)
        )
    ]


def _by_epoch(results: Results, of: Setting) -> Figure:
    shown, lost = select_best_and_others(results, of.model, of.cells), MissingFiles()
    title, axis_labels = f"{of.title}: samples by epoch", ("epoch", "cell")
    files = [_sheets(results, one) for one in shown]
    kept = sorted({epoch for found in files for epoch in found})
    epochs = _spread(kept, MOST_EPOCHS)
    read = [
        {e: load_picture(results.store, found[e], lost) for e in epochs if e in found}
        for found in files
    ]
    sheets = [sheet for found in read for sheet in found.values() if isinstance(sheet, np.ndarray)]
    caption = (
        f"{describe_choice(results, of.model, of.cells)} {describe_points(shown)}"
        if shown
        else describe_nothing(results, [of.model])
    )
    if not sheets:
        return draw_message(title, NO_SHEET, caption + lost.caption(), axis_labels)
    epochs = _spread(epochs, max(2, WIDEST // _part(sheets[0]).shape[1]))
    rows = [[_panel(found, epoch) for epoch in epochs] for found in read]
    caption += f" {describe_sheet_rows(results, of.model)}"
    if any(_part(sheet).size < sheet.size for sheet in sheets):
        caption += " Shown is a part of each sheet: the left of its first and last rows."
    if len(epochs) < len(kept):
        caption += f" Of {len(kept)} epochs kept, {len(epochs)} are shown."
    alone = [
        one.sample[1]
        for one, found in zip(shown, files, strict=True)
        if LAST_SHEET in " ".join(found.values())
    ]
    if alone:
        caption += f" No sheet before the last epoch was kept by {', '.join(alone)} (trained by an earlier version)."
    columns = [str(epoch) for epoch in epochs]
    return draw_image_grid(
        rows, [one.title for one in shown], columns, title, caption + lost.caption(), axis_labels
    )


def _sheets(results: Results, one: ShownCell) -> dict[int, str]:
    """Epoch -> its sheet under the results root; of a point that kept no others, the sheet of the end."""
    point = f"{POINTS}/{one.sample[1]}"
    names = results.store.list_files(f"{point}/{SAMPLES_FOLDER}")
    found = {
        int(match[1]): f"{point}/{SAMPLES_FOLDER}/{name}"
        for name in names
        if (match := _EPOCH.fullmatch(name))
    }
    return found or {int(results.params[one.cell].get("epochs", 0)): f"{point}/{LAST_SHEET}"}


def _panel(found: Mapping[int, np.ndarray | str], epoch: int) -> np.ndarray | str:
    sheet = found.get(epoch, NOT_KEPT if epoch < max(found) else f"ended at epoch {max(found)}")
    return sheet if isinstance(sheet, str) else _part(sheet)


def _spread(values: Sequence[int], most: int) -> list[int]:
    """The first, the last, and evenly placed ones between them."""
    if len(values) <= most:
        return list(values)
    return [values[round(place)] for place in np.linspace(0, len(values) - 1, most)]


def _part(sheet: np.ndarray) -> np.ndarray:
    """What is shown of a sheet."""
    for (tall, wide), across in TILES.items():
        if (len(sheet) - MARGIN) % tall == (sheet.shape[1] - MARGIN) % wide == 0:
            top, left = ROWS * tall, across * wide + MARGIN
            if len(sheet) - MARGIN > 2 * top:
                sheet = np.concatenate([sheet[: top + MARGIN], sheet[-top:]])
            return sheet[:, :left]
    return sheet[: CORNER[0], : CORNER[1]]


@register_item(FIGURES, "generated_answers")
def generated_answers(results: Results) -> Figures:
    """Answers that models draw, and what a reader reads, of the best and the worst cell (the report's Figure 14)."""
    models = name_models("generated_answers", list_drawing_answers(results))
    figures = [(name, _drawn(results, model)) for name, model in models]
    nobody = "No model of this sweep draws its answers."
    title, axis_labels = "generated answers", ("query", "cell")
    return figures or [
        ("generated_answers", draw_message(title, nobody, describe_nothing(results), axis_labels))
    ]


def _drawn(results: Results, model: str) -> Figure:
    shown, lost = select_best_and_others(results, model, count=2), MissingFiles()
    title, axis_labels = f"{model}: generated answers", ("query of the test set", "cell")
    if not shown:
        return draw_message(title, NO_SHEET, describe_nothing(results, [model]), axis_labels)
    rows = [[_whole_sheet(results, one, lost)] for one in shown]
    caption = f"{describe_choice(results, model)} {describe_points(shown)} Each answer stands above a picture of the right one"
    caption += "; below them, the query and what else the trial wrote."
    for one in shown:
        caption += (
            f" {one.name}: {format_scores(results, one.cell, ('read_exact_match', READER_METRIC))}."
        )
    if all(isinstance(row[0], str) for row in rows):
        return draw_message(title, NO_SHEET, caption + lost.caption(), axis_labels)
    return draw_image_grid(
        rows, [one.title for one in shown], [""], title, caption + lost.caption(), axis_labels
    )


def _whole_sheet(results: Results, one: ShownCell, lost: MissingFiles) -> np.ndarray | str:
    sheet = load_picture(results.store, f"{POINTS}/{one.sample[1]}/{LAST_SHEET}", lost)
    return sheet if isinstance(sheet, str) else sheet[: 2 * CORNER[0], :WIDEST]
