"""Pictures of a sweep: its datasets, and the path from one latent vector to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.ledger.ledger import POINTS
from gensweep.prepare.contact_sheet import (
    DATASETS_FOLDER,
    MARGIN,
    SCALE,
    find_sheet,
)
from gensweep.report.figures.data import FigureData
from gensweep.report.figures.files import MissingFiles, load_picture
from gensweep.report.figures.grids import ImageGrid, make_message
from gensweep.report.figures.selection import (
    describe_choice,
    describe_nothing,
    describe_points,
    select_best_and_others,
)
from gensweep.report.figures.settings import list_generating, split_by_dataset
from gensweep.report.settings import Setting, name_settings
from gensweep.report.tables.text_cells import NOTHING

if TYPE_CHECKING:
    from gensweep.report.results import Results

    Sheets = dict[str, np.ndarray | str]

INTERPOLATIONS = ("linear", "spherical")
TILE = 64
"""Height and width of a picture in a strip [pixels]."""
END = "end"
MAX_DATASETS_SHOWN = 12
MAX_SHEETS_READ = 48
"""More than are shown, since some may show the same pictures, split in another way."""
_TILE_PIXELS = 64 * SCALE + MARGIN
MAX_SHEET_SIZE = (4 * _TILE_PIXELS + MARGIN, 10 * _TILE_PIXELS + MARGIN)
"""Height and width of a dataset's sheet; a larger one is shown smaller [pixels]."""


@register_figure("interpolation")
def make_interpolation(results: Results) -> list[FigureData]:
    """Show pictures on the line and arc between latent vectors (the paper's Figures 5 to 8)."""
    settings = split_by_dataset(results, list_generating(results))
    if settings:
        named = name_settings("interpolation", settings)
        return [_show_strips(results, name, one) for name, one in named]
    text = "No model of this sweep makes pictures of random latent vectors."
    content = make_message(text, ("step", "path"))
    return [
        FigureData(
            "interpolation",
            "interpolation",
            describe_nothing(results),
            content,
        )
    ]


def _show_strips(results: Results, stem: str, setting: Setting) -> FigureData:
    axis_labels = ("step from one latent vector to another, 0 to 1", "path")
    title = f"{setting.title}: between latent vectors"
    cells = select_best_and_others(results, setting, count=1)
    if not cells:
        caption = describe_nothing(results, [setting.model])
        content = make_message("No cell has a result yet.", axis_labels)
        return FigureData(stem, title, caption, content, setting.model)
    missing = MissingFiles("; run gensweep evaluate to create it")
    _, point = cells[0].sample
    names = [
        f"{POINTS}/{point}/interpolation-{path}.png"
        for path in INTERPOLATIONS
    ]
    strips = [load_picture(results.store, name, missing) for name in names]
    choice = describe_choice(results, setting.model, setting.cells)
    caption = f"{cells[0].name}. {choice} {describe_points(cells)}{missing.format_caption()}"
    steps = [_count_steps(one) for one in strips if not isinstance(one, str)]
    if not steps:
        content = make_message(
            "No strip to show; the caption says why.", axis_labels
        )
    elif min(steps) < 3:
        rows, files = [[one] for one in strips], [[name] for name in names]
        content = ImageGrid(rows, INTERPOLATIONS, [""], axis_labels, 2, files)
    else:
        caption += (
            " The first and last column are the ends: pictures of two vectors that are drawn from "
            f"the prior, none of them from the data. Between them are {steps[0] - 2} steps."
        )
        rows = [_split_ends(one) for one in strips]
        files = [[name] * 3 for name in names]
        labels = [f"{END} 0", "between", f"{END} 1"]
        content = ImageGrid(
            rows, INTERPOLATIONS, labels, axis_labels, 2, files
        )
    return FigureData(stem, title, caption, content, setting.model)


def _count_steps(strip: np.ndarray) -> int:
    """Return the pictures in a row of strips, both ends included; 0 if that is not known."""
    height, width = strip.shape[:2]
    if height % TILE or width % TILE:
        return 0
    return width // TILE


def _split_ends(strip: np.ndarray | str) -> list[np.ndarray | str]:
    """Return the first column of pictures, those between, and the last; a text has the middle."""
    if isinstance(strip, str):
        return ["", strip, ""]
    return [strip[:, :TILE], strip[:, TILE:-TILE], strip[:, -TILE:]]


@register_figure("dataset_samples")
def make_dataset_samples(results: Results) -> list[FigureData]:
    """Show the first pictures or queries of every dataset (the paper's Figures 1, 9 and 10)."""
    title, axis_labels = "Datasets", ("pictures or queries", "dataset")
    missing = MissingFiles()
    folder = f"{results.folder.name}/{DATASETS_FOLDER}"
    files = {
        sheet: find_sheet(results.store.list_files(folder), sheet)
        for sheet in results.datasets
    }
    absent = [sheet for sheet, name in files.items() if not name]
    paths = {
        sheet: f"{folder}/{name}" for sheet, name in files.items() if name
    }
    sheets: Sheets = {}
    for sheet, path in list(paths.items())[:MAX_SHEETS_READ]:
        sheets[sheet] = load_picture(results.store, path, missing)
    unique = _drop_repeated(results, sheets)
    # The labels must distinguish all sheets, those that are not shown, too.
    labels = _label_sheets(results, [*unique, *absent])
    shown = dict(list(unique.items())[:MAX_DATASETS_SHOWN])
    caption = describe_nothing(results)
    if len(shown) == MAX_DATASETS_SHOWN < len(paths):
        caption += f" {len(shown)} of {len(paths)} datasets are shown."
    if absent:
        names = ", ".join(labels[sheet] for sheet in absent)
        caption += f" No sheet of {names}: run the sweep on a machine with the data to create it."
    sizes = [
        sheet.shape[:2]
        for sheet in shown.values()
        if isinstance(sheet, np.ndarray)
    ]
    if not sizes:
        text = "No sheet to show; the caption says why."
        caption += missing.format_caption()
        content = make_message(text, axis_labels)
        return [FigureData("dataset_samples", title, caption, content)]
    if any(
        height > MAX_SHEET_SIZE[0] or width > MAX_SHEET_SIZE[1]
        for height, width in sizes
    ):
        caption += " Large sheets are scaled down."
    rows = [
        [sheet if isinstance(sheet, str) else _shrink(sheet)]
        for sheet in shown.values()
    ]
    row_labels = [labels[sheet] for sheet in shown]
    caption += missing.format_caption()
    shown_files = [[paths[sheet]] for sheet in shown]
    content = ImageGrid(
        rows, row_labels, [""], axis_labels, files=shown_files
    )
    return [FigureData("dataset_samples", title, caption, content)]


def _drop_repeated(results: Results, sheets: Sheets) -> Sheets:
    """Return the sheets without those that repeat the same pictures of the same dataset."""
    first_of: dict[tuple[str, bytes], str] = {}
    for sheet, content in sheets.items():
        # A sheet that cannot be shown repeats no other one.
        pixels = sheet.encode()
        if isinstance(content, np.ndarray):
            pixels = content.tobytes()
        dataset = str(results.datasets[sheet]["dataset"])
        first_of.setdefault((dataset, pixels), sheet)
    return {sheet: sheets[sheet] for sheet in first_of.values()}


def _label_sheets(results: Results, sheets: Sequence[str]) -> dict[str, str]:
    """Return sheet -> its dataset's name, with the parameters that differ between its sheets."""

    def get_text(sheet: str, name: str) -> str:
        params = results.datasets[sheet]
        if name not in params:
            return NOTHING
        return results.names.get_text(name, params[name])

    labels = {}
    for sheet in sheets:
        dataset = get_text(sheet, "dataset")
        same_dataset = [
            one for one in sheets if get_text(one, "dataset") == dataset
        ]
        parts = [dataset]
        for name in results.datasets[sheet]:
            values = {get_text(one, name) for one in same_dataset}
            if len(values) > 1:
                parts.append(f"{name}={get_text(sheet, name)}")
        labels[sheet] = ", ".join(parts)
    return labels


def _shrink(sheet: np.ndarray) -> np.ndarray:
    """Return a sheet [h, w, 3], made smaller if it exceeds `MAX_SHEET_SIZE`."""
    from PIL import Image

    height, width = sheet.shape[:2]
    scale = min(1.0, MAX_SHEET_SIZE[0] / height, MAX_SHEET_SIZE[1] / width)
    if scale == 1:
        return sheet
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(
        Image.fromarray(sheet).resize(size, Image.Resampling.LANCZOS)
    )
