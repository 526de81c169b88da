"""The cache entry of a reader: a digest of all that it depends on; without torch."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from gensweep.sweep.syntax import Context, normalize
from gensweep.system.cache_dir import get_cache_root

FOLDER = "readers"
"""Folder of the cache that has a file for each reader."""
TRAINING_SOURCES = (
    "train/reader_training.py",
    "train/optimizers.py",
    "train/schedules.py",
    "nn/init.py",
)
"""Files whose code every training of a reader runs."""


def compute_reader_digest(
    arrays: Iterable[np.ndarray], sources: Sequence[str], *, header: str = ""
) -> str:
    """Return a SHA-256 of what a reader learns from, and of the code that trains it.

    Args:
        arrays: pictures and labels, in a fixed order.
        sources: files of the package whose code decides what the reader learns, without
            `TRAINING_SOURCES`.
        header: what else it depends on.
    """
    digest = hashlib.sha256(header.encode())
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    for source in (*sources, *TRAINING_SOURCES):
        digest.update(_read_code(source).encode())
    return digest.hexdigest()


def get_file_name(digest: str) -> str:
    """Return the name of a reader's file in its folder."""
    return f"{digest}.pt"


def is_cached(digest: str) -> bool:
    """Return whether the cache has a file of this reader."""
    return (get_cache_root() / FOLDER / get_file_name(digest)).exists()


@lru_cache(maxsize=32)
def _read_code(source: str) -> str:
    """Return the code of a file of the package, as far as it can change numbers."""
    # A comment, a docstring or another line break must not cost every user a training.
    package = Path(__file__).parents[1]
    return normalize(ast.parse((package / source).read_bytes()), Context())
