"""Tools for measuring, such as the reader of digits, and the outputs that they derive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gensweep.core.dataset import DatasetArrays
from gensweep.core.registries import DERIVED
from gensweep.train.attribute_reader import load_attribute_reader
from gensweep.train.reader import load_reader
from gensweep.train.training_pictures import load_training_pictures

TOOLS: dict[str, Callable[[DatasetArrays], torch.nn.Module]] = {
    "attribute_reader": load_attribute_reader,
    "reader": load_reader,
    "training_pictures": load_training_pictures,
}
"""Tools that derived outputs need, by name.

Each is made from the dataset; its split has the point's training rows too, as `train`.
"""


class Tools:
    """The tools for points of one dataset; each is made on first use.

    Args:
        data: the dataset's arrays.
        device: where tools compute.
    """

    def __init__(self, data: DatasetArrays, device: torch.device) -> None:
        self._data = data
        self._device = device
        self._ready: dict[tuple[str, int], torch.nn.Module] = {}

    def get(self, name: str, training_rows: np.ndarray) -> Any:
        """Return a tool for a point that is trained on some rows."""
        # Smaller training sets are the beginning of larger ones, so their number is enough.
        key = (name, len(training_rows))
        if key not in self._ready:
            split = self._data.split | {"train": training_rows}
            data = replace(self._data, split=split)
            self._ready[key] = TOOLS[name](data).to(self._device)
        return self._ready[key]


def derive_outputs(
    outputs: Mapping[str, Tensor],
    names: Collection[str],
    get_tool: Callable[[str], Any],
) -> dict[str, Tensor]:
    """Return derived outputs, as far as these outputs are enough to compute them.

    Args:
        outputs: of a batch, by name [B, ...].
        names: the outputs that are wanted.
        get_tool: returns a tool by its name.
    """
    derived = {}
    for name, entry in DERIVED.items():
        sources = entry.find_source(outputs) if name in names else None
        if sources:
            tools = [get_tool(entry.tool)] if entry.tool else []
            inputs = [outputs[source] for source in sources]
            derived[name] = entry.compute(*inputs, *tools)
    return derived
