"""Small sweeps whose records are written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweep_files import (
    cell,
    write_record,
    write_sweep,
)

from gensweep import load


def simple(root: Path, *values: float) -> Path:
    """A sweep of one cell with a seed for each value of char_accuracy."""
    one = cell(*range(len(values)))
    for seed, value in enumerate(values):
        write_record(root, one, seed, char_accuracy=value, exact_match=value / 2)
    return write_sweep(root, [one])


def row(folder: Path) -> Any:
    """The only row of a sweep's cells."""
    (only,) = load(folder).cells.to_dict("records")
    return only


def grown(root: Path) -> Path:
    """Depth 1 and 2 by two optimizers; the accuracy says which cell it is of: muon's are 0.3 above adam's."""
    cells = []
    for layers in (2, 1):
        for optimizer in ("adam", "muon"):
            cells.append(cell(0, 1, encoder_layers=layers, optimizer=optimizer))
            for seed in (0, 1):
                accuracy = 0.5 + 0.1 * layers + 0.3 * (optimizer == "muon") + 0.01 * seed
                write_record(root, cells[-1], seed, char_accuracy=accuracy, exact_match=accuracy)
    return write_sweep(root, cells, tables=["depth", "budget"], figures=["depth_heatmap"])
