"""Find copies among pictures.

Pictures are copies if all their pixels are equal, whatever their files are: a network cannot tell
them apart.
"""

from __future__ import annotations

import hashlib

import numpy as np

HASH_BYTES = 16

Chosen = tuple[
    np.ndarray,
    dict[str, int],
    tuple[str, ...],
]
"""Pictures, counts and notes."""


def hash_pictures(pictures: np.ndarray) -> list[bytes]:
    """Return a key for each picture [n, ...]. Two keys are equal if all pixels are."""
    keys = []
    for picture in pictures:
        pixels = np.ascontiguousarray(picture).data
        key = hashlib.blake2b(pixels, digest_size=HASH_BYTES).digest()
        keys.append(key)
    return keys


def find_first_of_each(pictures: np.ndarray) -> np.ndarray:
    """Return the index of the first picture of each group of copies, ascending, [m]."""
    first: dict[bytes, int] = {}
    for index, key in enumerate(hash_pictures(pictures)):
        first.setdefault(key, index)
    return np.fromiter(first.values(), np.int64, len(first))


def drop_copies(pictures: np.ndarray) -> Chosen:
    """Keep one of equal pictures. Otherwise one could be in the training set and in the test set.

    The order does not change. So pictures without copies are split as they always were.

    Returns:
        The pictures, the number of copies that were dropped, and a note about it.
    """
    chosen = find_first_of_each(pictures)
    copies = len(pictures) - len(chosen)
    counts = {"copies": copies}
    if not copies:
        return pictures, counts, ()
    note = (
        f"{copies} of {len(pictures):,} pictures have the same pixels as another one; "
        "each is counted once"
    )
    return pictures[chosen], counts, (note,)
