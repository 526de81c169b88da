"""The pictures whose attributes a reader learns and is measured on; without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gensweep.core.dataset import DatasetArrays
from gensweep.train.reader_digest import compute_reader_digest

PICTURES, ATTRIBUTES = "picture", "attributes"
"""Rows of a dataset."""
_SOURCES = (
    "train/attribute_reader.py",
    "train/attribute_training.py",
    "train/labelled_pictures.py",
    "train/palette.py",
)
"""Files whose code decides what this reader learns."""


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures, and the attributes that the dataset lists of each.

    Attributes:
        pictures: uint8 [n, 3, h, w].
        codes: the value of each attribute, uint8 [n, attributes].
        sizes: how many values each attribute has [attributes].
        learnt, validated, held_out: rows to learn from, to set limits by, and to measure the
            accuracy on.
    """

    pictures: np.ndarray
    codes: np.ndarray
    sizes: tuple[int, ...]
    learnt: np.ndarray
    validated: np.ndarray
    held_out: np.ndarray


def select_labelled(prepared: DatasetArrays) -> LabelledPictures | None:
    """Return a dataset's pictures with attributes; None if it lists no attributes.

    The reader learns from the complete pool, without the validation set, whatever part of it a
    point trains on. It is measured on the test set.
    """
    if not prepared.attributes:
        return None
    validated = prepared.split["validation"]
    pool = prepared.split["pool"]
    return LabelledPictures(
        pictures=prepared.rows[PICTURES],
        codes=prepared.rows[ATTRIBUTES],
        sizes=tuple(map(len, prepared.attributes.values())),
        learnt=pool[: len(pool) - len(validated)],
        validated=validated,
        held_out=prepared.split["test"],
    )


def compute_digest(labelled: LabelledPictures) -> str:
    """Return a SHA-256 of all that a reader depends on: pictures, attributes, rows and code."""
    arrays = (
        labelled.pictures,
        labelled.codes,
        labelled.learnt,
        labelled.validated,
        labelled.held_out,
    )
    return compute_reader_digest(
        arrays, _SOURCES, header=repr(labelled.sizes)
    )
