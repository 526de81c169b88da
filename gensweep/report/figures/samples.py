"""Sheets of samples, which points draw or write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.config import get_last_epoch
from gensweep.core.registries import register_figure
from gensweep.ledger.ledger import POINTS
from gensweep.prepare.contact_sheet import LINE_HEIGHT, MARGIN, SCALE
from gensweep.report.figures.answer_table import (
    Answer,
    make_answer_table,
    read_sheet_answers,
)
from gensweep.report.figures.data import FigureData
from gensweep.report.figures.files import NOT_KEPT, MissingFiles, load_picture
from gensweep.report.figures.grids import ImageGrid, make_message
from gensweep.report.figures.selection import (
    ShownCell,
    describe_choice,
    describe_nothing,
    describe_points,
    select_best_and_others,
)
from gensweep.report.figures.settings import (
    describe_sheet_rows,
    split_by_dataset,
)
from gensweep.report.settings import Setting, name_settings

if TYPE_CHECKING:
    from gensweep.report.results import Results

LAST_SHEET = "samples.png"
"""The sheet of a point's last epoch."""
SAMPLES_FOLDER = "samples"
"""The folder of a point's sheets of earlier epochs."""
MAX_EPOCHS_SHOWN = 7
MAX_ROW_PIXELS = 1500
"""Width of all epochs of a cell together, in the PNG."""
ABOUT_ANSWERS = (
    "The first queries of the test set, and how many of all on the sheet are right. A cross marks "
    "a wrong answer."
)
NO_SHEET = "No sheet of samples to show; the caption says why."
_AXIS_LABELS = ("epoch", "cell")
_EPOCH_FILE = re.compile(r"epoch-([0-9]+)\.png")


def _compute_tile(
    height: int, width: int, has_caption: bool
) -> tuple[int, int]:
    """Return the height and width of a picture on a sheet, with its margin [pixels]."""
    return (
        height * SCALE + MARGIN + LINE_HEIGHT * has_caption,
        width * SCALE + MARGIN,
    )


COLUMNS_SHOWN = {
    _compute_tile(64, 64, False): 2,
    _compute_tile(56, 84, True): 1,
    _compute_tile(28, 140, True): 1,
}
"""Height and width of a sheet's tiles -> number of columns that are shown of the sheet."""
ROWS_SHOWN = 2
"""Rows of tiles that are shown from the top of a sheet, and from its bottom.

If a model reconstructs and samples, its sheets have reconstructions at the top and samples at the
bottom.
"""
CORNER_SIZE = (304, 288)
"""Height and width of the part that is shown of any other sheet [pixels]."""


@register_figure("samples_by_epoch")
def make_samples_by_epoch(results: Results) -> list[FigureData]:
    """Show samples by epoch: best, median and worst cell (the paper's Figures 2 to 4)."""
    settings = name_settings(
        "samples_by_epoch", split_by_dataset(results, results.models)
    )
    return [_show_by_epoch(results, name, one) for name, one in settings]


@dataclass(frozen=True)
class _SavedSheets:
    """The sheets that some cells saved.

    Attributes:
        cells: the cells, a row each.
        files: epoch -> sheet of each cell's point.
        epochs: in which any of the points saved a sheet.
    """

    cells: Sequence[ShownCell]
    files: Sequence[Mapping[int, str]]
    epochs: Sequence[int]


def _show_by_epoch(
    results: Results, stem: str, setting: Setting
) -> FigureData:
    """Return the answers of each cell by epoch, or its pictures for a model without answers."""
    model = setting.model
    cells = select_best_and_others(results, setting)
    files = [_find_sheets(results, one) for one in cells]
    all_epochs = sorted({epoch for by_epoch in files for epoch in by_epoch})
    saved = _SavedSheets(cells, files, all_epochs)
    epochs = _pick_evenly(all_epochs, MAX_EPOCHS_SHOWN)
    if cells:
        choice = describe_choice(results, model, setting.cells)
        caption = f"{choice} {describe_points(cells)}"
    else:
        caption = describe_nothing(results, [model])
    answers = _read_answers(results, cells, files, epochs)
    table = make_answer_table(answers, epochs)
    if table is not None:
        title = f"{setting.title}: answers by epoch"
        caption += f" {ABOUT_ANSWERS}{_describe_epochs(epochs, all_epochs)}"
        return FigureData(stem, title, caption, table, model)
    title = f"{setting.title}: samples by epoch"
    content, sentences = _arrange_sheets(results, model, saved, epochs)
    return FigureData(stem, title, caption + sentences, content, model)


def _arrange_sheets(
    results: Results,
    model: str,
    saved: _SavedSheets,
    epochs: Sequence[int],
) -> tuple[ImageGrid, str]:
    """Return the sheets of some epochs, a row per cell, and what a caption says of them."""
    missing = MissingFiles()
    loaded = [
        _load_sheets(results, by_epoch, epochs, missing)
        for by_epoch in saved.files
    ]
    sheets = [
        sheet
        for by_epoch in loaded
        for sheet in by_epoch.values()
        if isinstance(sheet, np.ndarray)
    ]
    if not sheets:
        message = make_message(NO_SHEET, _AXIS_LABELS)
        return message, missing.format_caption()
    fitting = MAX_ROW_PIXELS // _cut(sheets[0]).shape[1]
    shown_epochs = _pick_evenly(epochs, max(2, fitting))
    rows, shown_files = [], []
    for by_epoch, available in zip(loaded, saved.files, strict=True):
        last_epoch = max(available)
        rows.append(
            [
                _get_panel(by_epoch, epoch, last_epoch)
                for epoch in shown_epochs
            ]
        )
        shown_files.append(
            [available.get(epoch, "") for epoch in shown_epochs]
        )
    sentences = f" {describe_sheet_rows(results, model)}"
    if any(_cut(sheet).size < sheet.size for sheet in sheets):
        sentences += " Only a part of each sheet is shown: the left of its first and last rows."
    sentences += _describe_epochs(shown_epochs, saved.epochs)
    sentences += _describe_last_only(saved.cells, saved.files)
    sentences += missing.format_caption()
    grid = ImageGrid(
        rows,
        row_labels=[one.title for one in saved.cells],
        column_labels=[str(epoch) for epoch in shown_epochs],
        axis_labels=_AXIS_LABELS,
        files=shown_files,
    )
    return grid, sentences


def _find_sheets(results: Results, cell: ShownCell) -> dict[int, str]:
    """Return epoch -> its sheet under the results root.

    Points of an earlier version kept the sheet of the last epoch only.
    """
    _, id_ = cell.sample
    point = f"{POINTS}/{id_}"
    sheets = {}
    for name in results.store.list_files(f"{point}/{SAMPLES_FOLDER}"):
        match = _EPOCH_FILE.fullmatch(name)
        if match:
            sheets[int(match[1])] = f"{point}/{SAMPLES_FOLDER}/{name}"
    if sheets:
        return sheets
    last_epoch = get_last_epoch(results.params[cell.cell])
    return {last_epoch: f"{point}/{LAST_SHEET}"}


def _describe_epochs(shown: Sequence[int], saved: Sequence[int]) -> str:
    """Return the sentence on epochs that are not shown, after a space; empty without any."""
    if len(shown) == len(saved):
        return ""
    return f" {len(shown)} of {len(saved)} saved epochs are shown."


def _read_answers(
    results: Results,
    cells: Sequence[ShownCell],
    files: Sequence[Mapping[int, str]],
    epochs: Sequence[int],
) -> dict[str, dict[int, list[Answer]]]:
    """Return title of a cell -> epoch -> the answers that its sheet of text keeps."""
    answers_of = {}
    for one, by_epoch in zip(cells, files, strict=True):
        available = [epoch for epoch in epochs if epoch in by_epoch]
        answers_of[one.title] = {
            epoch: read_sheet_answers(results.store, by_epoch[epoch])
            for epoch in available
        }
    return answers_of


def _load_sheets(
    results: Results,
    files: Mapping[int, str],
    epochs: Sequence[int],
    missing: MissingFiles,
) -> dict[int, np.ndarray | str]:
    """Return epoch -> its sheet, or a text on why there is none."""
    available = [epoch for epoch in epochs if epoch in files]
    return {
        epoch: load_picture(results.store, files[epoch], missing)
        for epoch in available
    }


def _describe_last_only(
    cells: Sequence[ShownCell], files: Sequence[Mapping[int, str]]
) -> str:
    """Return the sentence on points that kept only the last sheet; empty without such points."""
    points = []
    for one, by_epoch in zip(cells, files, strict=True):
        if any(name.endswith(f"/{LAST_SHEET}") for name in by_epoch.values()):
            _, point = one.sample
            points.append(point)
    if not points:
        return ""
    names = ", ".join(points)
    return f" {names} saved only the sheet of the last epoch (trained by an earlier version)."


def _get_panel(
    sheets: Mapping[int, np.ndarray | str], epoch: int, last_epoch: int
) -> np.ndarray | str:
    """Return what is shown of a cell at an epoch: a part of the sheet, or why there is none.

    Args:
        sheets: epoch -> the cell's sheet; only of epochs that are shown.
        epoch: the epoch to show.
        last_epoch: the last epoch of the cell, whether it is shown or not.
    """
    if epoch in sheets:
        sheet = sheets[epoch]
        return sheet if isinstance(sheet, str) else _cut(sheet)
    if epoch < last_epoch:
        return NOT_KEPT
    return f"ended at epoch {last_epoch}"


def _pick_evenly(values: Sequence[int], count: int) -> list[int]:
    """Return the first value, the last, and evenly spaced ones between them."""
    if len(values) <= count:
        return list(values)
    return [
        values[round(index)]
        for index in np.linspace(0, len(values) - 1, count)
    ]


def _cut(sheet: np.ndarray) -> np.ndarray:
    """Return the part of a sheet that is shown."""
    height, width = sheet.shape[0] - MARGIN, sheet.shape[1] - MARGIN
    for (tile_height, tile_width), columns in COLUMNS_SHOWN.items():
        if height % tile_height or width % tile_width:
            continue
        rows_height = ROWS_SHOWN * tile_height
        if height > 2 * rows_height:
            top, bottom = sheet[: rows_height + MARGIN], sheet[-rows_height:]
            sheet = np.concatenate([top, bottom])
        return sheet[:, : columns * tile_width + MARGIN]
    return sheet[: CORNER_SIZE[0], : CORNER_SIZE[1]]
