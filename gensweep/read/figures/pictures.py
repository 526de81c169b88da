"""Pictures of a sweep: its datasets, and the way from one latent vector to another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.catalog import FIGURES, page
from gensweep.core.ledger import POINTS
from gensweep.core.sheets import MARGIN, SCALE
from gensweep.read.figures.board import board, words
from gensweep.read.figures.files import Lost, picture
from gensweep.read.figures.shown import (
    Setting,
    best_and_others,
    by_dataset,
    choice,
    generating,
    nothing,
    points_caption,
)
from gensweep.read.tables.groups import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gensweep.read.results import Results

    Figures = list[tuple[str, Figure]]

DATASETS = "datasets"
"""Folder of the sweep with a sheet of each."""
PATHS = ("linear", "spherical")
MOST_DATASETS = 12
_TILE = 64 * SCALE + MARGIN
LARGEST = (4 * _TILE + MARGIN, 10 * _TILE + MARGIN)
"""What a dataset's sheet may take; a larger one is shown smaller [pixel]."""


@page(FIGURES, "interpolation")
def interpolation(results: Results) -> Figures:
    """Pictures on the line and on the arc between two latent vectors, of each dataset's best cell (Figures 5 to 8)."""
    settings = by_dataset(results, generating(results))
    if not settings:
        text = "No model of this sweep makes pictures of random latent vectors."
        return [("interpolation", words("interpolation", text, nothing(results), ("step", "path")))]
    return [(one.name("interpolation"), _strips(results, one)) for one in settings]


def _strips(results: Results, of: Setting) -> Figure:
    lost, axis_labels = Lost("; evaluate fills it in"), ("step from one latent vector to another, 0 to 1", "path")
    title, shown = f"{of.title}: between latent vectors", best_and_others(results, of.model, of.cells, count=1)
    if not shown:
        return words(title, "No cell has a result yet.", nothing(results, [of.model]), axis_labels)
    names = [f"{POINTS}/{shown[0].sample[1]}/interpolation-{path}.png" for path in PATHS]
    rows = [[picture(results.store, name, lost)] for name in names]
    caption = f"{shown[0].name}. {choice(results, of.model, of.cells)} {points_caption(shown)}{lost.caption()}"
    if all(isinstance(row[0], str) for row in rows):
        return words(title, "No strip to show; the caption says why.", caption, axis_labels)
    return board(rows, PATHS, [""], title, caption, axis_labels, scale=2)


@page(FIGURES, "dataset_samples")
def dataset_samples(results: Results) -> Figures:
    """The first pictures or queries of every dataset of the sweep (the report's Figures 1, 9 and 10)."""
    title, axis_labels, lost = "Datasets", ("pictures or queries", "dataset"), Lost()
    folder = f"{results.folder.name}/{DATASETS}"
    files = sorted(name for name in results.store.entries(folder) if name.endswith(".png"))
    stems = [name.removesuffix(".png") for name in files]
    sheets = {stem: picture(results.store, f"{folder}/{stem}.png", lost) for stem in stems[:MOST_DATASETS]}
    caption = nothing(results)
    if len(files) > MOST_DATASETS:
        caption += f" {MOST_DATASETS} of {len(files)} datasets are shown."
    known = {_letters(stem) for stem in stems}
    wanted = dict.fromkeys(plain(params["dataset"]) for params in results.params.values() if "dataset" in params)
    if missing := [name for name in wanted if _letters(name) not in known]:
        caption += f" No sheet of {', '.join(missing)}: a run of the sweep writes it."
    sizes = [sheet.shape[:2] for sheet in sheets.values() if isinstance(sheet, np.ndarray)]
    if not sizes:
        return [
            (
                "dataset_samples",
                words(title, "No sheet to show; the caption says why.", caption + lost.caption(), axis_labels),
            )
        ]
    if any(height > LARGEST[0] or width > LARGEST[1] for height, width in sizes):
        caption += " Large sheets are shown smaller."
    rows = [[sheet if isinstance(sheet, str) else _fitted(sheet)] for sheet in sheets.values()]
    return [("dataset_samples", board(rows, list(sheets), [""], title, caption + lost.caption(), axis_labels))]


def _fitted(sheet: np.ndarray) -> np.ndarray:
    """A sheet [h, w, 3], as much smaller as makes it fit."""
    from PIL import Image

    height, width = sheet.shape[:2]
    scale = min(1.0, LARGEST[0] / height, LARGEST[1] / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return sheet if scale == 1 else np.asarray(Image.fromarray(sheet).resize(size, Image.Resampling.LANCZOS))


def _letters(name: str) -> str:
    """A dataset's name as any file system may have it."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
