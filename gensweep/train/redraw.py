"""Fresh pictures: in each epoch, other pictures of the characters that training examples show."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gensweep.core.alphabet import ALPHABET
from gensweep.core.dataset import DatasetArrays
from gensweep.core.model import Model

_CODES = {"query_pictures": "query", "answer_pictures": "answer"}
"""Field of pictures of characters -> the field of their codes."""


class Redraw:
    """Other pictures of the same characters, drawn for training examples.

    The pictures of a character are those that the training examples show in this field. So no
    picture of a validation or test example is trained on, and a smaller training set still means
    fewer pictures. Every picture has the same probability, however often an example shows it.

    Args:
        data: the dataset's arrays.
        field: the field of pictures, [n, T, ...] by a lookup in a bank.
        rows: the training examples.
    """

    def __init__(
        self, data: DatasetArrays, field: str, rows: np.ndarray
    ) -> None:
        codes = data.rows[_CODES[field]]
        indices, _ = data.lookups[field]
        shown, first = np.unique(data.rows[indices][rows], return_index=True)
        shown_codes = codes[rows].ravel()[first]
        by_character = np.argsort(shown_codes, kind="stable")
        counts = np.bincount(shown_codes, minlength=len(ALPHABET))
        self._codes = torch.from_numpy(codes.astype(np.int64))
        self._glyphs = torch.from_numpy(shown[by_character])
        self._counts = torch.from_numpy(counts)
        self._starts = torch.from_numpy(counts.cumsum() - counts)

    def draw(self, rows: Tensor, rng: torch.Generator) -> Tensor:
        """Return indices of pictures in the bank, on the CPU [B, T].

        Args:
            rows: training examples, on the CPU [B].
            rng: the generator of the epoch.
        """
        codes = self._codes[rows]
        # float32 has 24 bits, which would favour some of many pictures.
        chance = torch.rand(codes.shape, generator=rng, dtype=torch.float64)
        offsets = (chance * self._counts[codes]).long()
        return self._glyphs[self._starts[codes] + offsets]


def build_redraws(
    model: Model, data: DatasetArrays, rows: np.ndarray
) -> dict[str, Redraw]:
    """Return what draws fresh pictures, for each field of the model that wants them."""
    return {
        field: Redraw(data, field, rows)
        for field in model.list_redrawn_fields()
    }
