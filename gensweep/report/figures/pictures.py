"""Pictures of a sweep: its datasets, and the way from one latent vector to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import FIGURES, register_item
from gensweep.ledger.ledger import POINTS
from gensweep.prepare.contact_sheet import DATASETS, MARGIN, SCALE, find_sheet
from gensweep.report.figures.files import MissingFiles, load_picture
from gensweep.report.figures.image_grid import draw_image_grid, draw_message
from gensweep.report.figures.selection import (
    Setting,
    describe_choice,
    describe_nothing,
    describe_points,
    list_generating,
    name_settings,
    select_best_and_others,
    split_by_dataset,
)
from gensweep.report.tables.layout import NOTHING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]

PATHS = ("linear", "spherical")
MOST_DATASETS, MOST_SHEETS = 12, 48
"""Datasets that are shown, and sheets that are read for them: some may show the same pictures, split otherwise."""
_TILE = 64 * SCALE + MARGIN
MAX_SHEET_SIZE = (4 * _TILE + MARGIN, 10 * _TILE + MARGIN)
"""What a dataset's sheet may take; a larger one is shown smaller [pixel]."""


@register_item(FIGURES, "interpolation")
def interpolation(results: Results) -> Figures:
    """Pictures on the line and on the arc between two latent vectors, of each dataset's best cell (Figures 5 to 8)."""
    settings = split_by_dataset(results, list_generating(results))
    if not settings:
        text = "No model of this sweep makes pictures of random latent vectors."
        return [
            (
                "interpolation",
                draw_message("interpolation", text, describe_nothing(results), ("step", "path")),
            )
        ]
    return [(name, _strips(results, one)) for name, one in name_settings("interpolation", settings)]


def _strips(results: Results, of: Setting) -> Figure:
    lost, axis_labels = (
        MissingFiles("; evaluate fills it in"),
        ("step from one latent vector to another, 0 to 1", "path"),
    )
    title, shown = (
        f"{of.title}: between latent vectors",
        select_best_and_others(results, of.model, of.cells, count=1),
    )
    if not shown:
        return draw_message(
            title, "No cell has a result yet.", describe_nothing(results, [of.model]), axis_labels
        )
    names = [f"{POINTS}/{shown[0].sample[1]}/interpolation-{path}.png" for path in PATHS]
    rows = [[load_picture(results.store, name, lost)] for name in names]
    caption = f"{shown[0].name}. {describe_choice(results, of.model, of.cells)} {describe_points(shown)}{lost.caption()}"
    if all(isinstance(row[0], str) for row in rows):
        return draw_message(title, "No strip to show; the caption says why.", caption, axis_labels)
    return draw_image_grid(rows, PATHS, [""], title, caption, axis_labels, scale=2)


@register_item(FIGURES, "dataset_samples")
def dataset_samples(results: Results) -> Figures:
    """The first pictures or queries of every dataset of the sweep (the report's Figures 1, 9 and 10)."""
    title, axis_labels, lost = "Datasets", ("pictures or queries", "dataset"), MissingFiles()
    folder = f"{results.folder.name}/{DATASETS}"
    files = {
        sheet: find_sheet(results.store.list_files(folder), sheet) for sheet in results.datasets
    }
    there = [(sheet, f"{folder}/{name}") for sheet, name in files.items() if name]
    sheets = {sheet: load_picture(results.store, path, lost) for sheet, path in there[:MOST_SHEETS]}
    shown = _unlike(results, sheets)
    labels = _labels(results, [*shown, *(sheet for sheet, name in files.items() if not name)])
    shown, caption = dict(list(shown.items())[:MOST_DATASETS]), describe_nothing(results)
    if len(shown) == MOST_DATASETS < len(there):
        caption += f" {len(shown)} of {len(there)} datasets are shown."
    if missing := [labels[sheet] for sheet, name in files.items() if not name]:
        caption += f" No sheet of {', '.join(missing)}: the sweep writes it when it is run where the data lies."
    sizes = [sheet.shape[:2] for sheet in shown.values() if isinstance(sheet, np.ndarray)]
    if not sizes:
        return [
            (
                "dataset_samples",
                draw_message(
                    title,
                    "No sheet to show; the caption says why.",
                    caption + lost.caption(),
                    axis_labels,
                ),
            )
        ]
    if any(height > MAX_SHEET_SIZE[0] or width > MAX_SHEET_SIZE[1] for height, width in sizes):
        caption += " Large sheets are shown smaller."
    rows = [[sheet if isinstance(sheet, str) else _fitted(sheet)] for sheet in shown.values()]
    row_labels = [labels[sheet] for sheet in shown]
    return [
        (
            "dataset_samples",
            draw_image_grid(rows, row_labels, [""], title, caption + lost.caption(), axis_labels),
        )
    ]


def _unlike(results: Results, sheets: dict[str, np.ndarray | str]) -> dict[str, np.ndarray | str]:
    """Return the sheets without those that show the same pictures of a dataset once more, split otherwise."""
    seen: dict[tuple[str, bytes], str] = {}
    for sheet, content in sheets.items():
        pixels = content.tobytes() if isinstance(content, np.ndarray) else sheet.encode()
        seen.setdefault((str(results.datasets[sheet]["dataset"]), pixels), sheet)
    return {sheet: sheets[sheet] for sheet in seen.values()}


def _labels(results: Results, sheets: Sequence[str]) -> dict[str, str]:
    """Return what each sheet's dataset is called, with the parameters that tell it from the same dataset's others."""

    def text(sheet: str, name: str) -> str:
        params = results.datasets[sheet]
        return results.names.text(name, params[name]) if name in params else NOTHING

    labels = {}
    for sheet in sheets:
        others = [one for one in sheets if text(one, "dataset") == text(sheet, "dataset")]
        names = [
            name for name in results.datasets[sheet] if len({text(one, name) for one in others}) > 1
        ]
        labels[sheet] = ", ".join(
            [text(sheet, "dataset"), *(f"{name}={text(sheet, name)}" for name in names)]
        )
    return labels


def _fitted(sheet: np.ndarray) -> np.ndarray:
    """A sheet [h, w, 3], as much smaller as makes it fit."""
    from PIL import Image

    height, width = sheet.shape[:2]
    scale = min(1.0, MAX_SHEET_SIZE[0] / height, MAX_SHEET_SIZE[1] / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return (
        sheet
        if scale == 1
        else np.asarray(Image.fromarray(sheet).resize(size, Image.Resampling.LANCZOS))
    )
