"""Figures of a sweep, drawn, and what is written in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gensweep import load
from gensweep.core.registries import FIGURES


def drawn(folder: Path, name: str) -> dict[str, Any]:
    """Stem -> figure."""
    return dict(FIGURES[name].make(load(folder)))


def caption(figure: Any) -> str:
    return figure.get_supxlabel().replace("\n", " ").replace("- ", "-")


def pictures(figure: Any) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]
