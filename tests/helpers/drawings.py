"""Figures of a sweep, drawn, and what is written in and below them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gensweep import load
from gensweep.core.registries import FIGURES
from gensweep.report.figures.data import FigureData
from gensweep.report.figures.drawing import draw


def make_data(folder: Path, name: str) -> dict[str, FigureData]:
    """Stem -> what the figure shows, before it is drawn."""
    return {data.name: data for data in FIGURES[name].make(load(folder))}


def drawn(folder: Path, name: str) -> dict[str, Any]:
    """Stem -> figure, which has its data as the attribute `data`."""
    figures: dict[str, Any] = {}
    for stem, data in make_data(folder, name).items():
        figures[stem] = draw(data)
        figures[stem].data = data
    return figures


def caption(figure: Any) -> str:
    """The text below a figure, which is no part of the drawing."""
    return " ".join(figure.data.caption.split())


def pictures(figure: Any) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]
