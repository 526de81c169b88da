"""Copies: pictures that a network cannot tell apart, since every pixel is the same, whatever files they came from."""

from __future__ import annotations

import hashlib

import numpy as np


def hash_pictures(pictures: np.ndarray) -> list[bytes]:
    """Return a key for each picture [n, ...]: two keys are equal where all pixels are."""
    return [
        hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest()
        for picture in pictures
    ]


def find_first_of_each(pictures: np.ndarray) -> np.ndarray:
    """Return the index of the first of all pictures with the same pixels, for each such group, ascending [m]."""
    first: dict[bytes, int] = {}
    for index, key in enumerate(hash_pictures(pictures)):
        first.setdefault(key, index)
    return np.fromiter(first.values(), np.int64, len(first))


def drop_copies(pictures: np.ndarray) -> tuple[np.ndarray, dict[str, int], tuple[str, ...]]:
    """Return the pictures of which each is there once, how many copies were left out, and a note of that.

    Equal pictures in training and test sets would make the test one of memory. The order stays as it is, so that
    pictures without copies are split as they always were.
    """
    chosen = find_first_of_each(pictures)
    copies = len(pictures) - len(chosen)
    if not copies:
        return pictures, {"copies": 0}, ()
    note = f"{copies} of {len(pictures):,} pictures have the same pixels as another one; each is counted once"
    return pictures[chosen], {"copies": copies}, (note,)
