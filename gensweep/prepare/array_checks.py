"""Checks of the arrays that a dataset builds, before anything is trained on them.

The dataset of a user may return anything. Without these checks, an example may be trained on and
tested on, or the error comes from the middle of a training step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gensweep.core.data_source import DataSource
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import DataError
from gensweep.core.values import show_value
from gensweep.prepare.own_code import identify_own_code

PARTS = ("test", "validation", "pool")
_MAX_SHOWN = 60
"""Characters of a wrong value in a message."""


def check_arrays(data: DataSource, built: Any) -> DatasetArrays:
    """Return what a dataset built, with a note on pictures that are tested and trained on.

    Raises:
        DataError: it cannot be trained on; the message names the dataset and the array.
    """
    start = f"dataset {data.name!r}: prepare() returned"
    if not isinstance(built, DatasetArrays):
        raise DataError(f"{start} {_show(built)}, not DatasetArrays")
    problem = _find_problem(data, built)
    if problem:
        raise DataError(f"{start} {problem}")
    # Datasets of gensweep count copies once.
    if data.kind != "pictures" or identify_own_code(type(data)) is None:
        return built
    note = _describe_copies(built)
    if note is None:
        return built
    return replace(built, notes=(*built.notes, note))


def _describe_copies(built: DatasetArrays) -> str | None:
    """Return how many test pictures have the pixels of one in the pool; None if none has."""
    pictures = built.rows["picture"]
    tests = built.split["test"]
    known = {_hash_pixels(pictures[row]) for row in built.split["pool"]}
    copies = sum(_hash_pixels(pictures[row]) in known for row in tests)
    if not copies:
        return None
    return (
        f"{copies} of {len(tests)} test pictures have the same pixels as one to train or validate "
        "on, so the test rewards a network that remembers; leave copies out before gs.split_rows"
    )


def _hash_pixels(picture: np.ndarray) -> bytes:
    pixels = np.ascontiguousarray(picture).data
    return hashlib.blake2b(pixels, digest_size=16).digest()


def _find_problem(data: DataSource, built: DatasetArrays) -> str | None:
    """Return what is wrong with the arrays; the first problem, or None."""
    for group in ("rows", "split", "banks"):
        problem = _find_bad_array(group, getattr(built, group))
        if problem:
            return problem
    return (
        _find_bad_rows(data, built.rows)
        or _find_bad_split(built.split, len(built))
        or _find_bad_lookup(built)
        or _find_bad_attributes(built)
        or _find_bad_notes(built)
    )


def _find_bad_array(group: str, arrays: Any) -> str | None:
    if not isinstance(arrays, Mapping):
        return f"{group}={_show(arrays)}, not a dict of arrays by name"
    for name, array in arrays.items():
        where = f"{group}[{name!r}]"
        if not isinstance(name, str):
            return f"{where}, whose name is not a text"
        if not isinstance(array, np.ndarray):
            return f"{where}={_show(array)}, not a NumPy array"
        if array.dtype.kind not in "buif":
            return f"{where} of type {array.dtype}, not of numbers"
        if array.ndim == 0 or len(array) == 0:
            return f"{where} of shape {list(array.shape)}, without an entry"
    return None


def _find_bad_rows(
    data: DataSource, rows: Mapping[str, np.ndarray]
) -> str | None:
    if not rows:
        return "rows={}, without an array of examples"
    first, *others = rows
    for name in others:
        if len(rows[name]) != len(rows[first]):
            return (
                f"{len(rows[first])} entries in rows[{first!r}], but {len(rows[name])} in "
                f"rows[{name!r}]; each needs one entry per example"
            )
    if data.kind != "pictures":
        return None
    if "picture" not in rows:
        return f"rows {sorted(rows)} without 'picture', which a dataset of pictures needs"
    pictures = rows["picture"]
    if pictures.dtype != np.uint8 or pictures.ndim != 4:
        return (
            f"rows['picture'] of type {pictures.dtype} and shape {list(pictures.shape)}, not "
            "uint8 [examples, channels, height, width] in 0..255"
        )
    return None


def _find_bad_split(
    split: Mapping[str, np.ndarray], count: int
) -> str | None:
    for part in PARTS:
        if part not in split:
            names = ", ".join(sorted(split)) or "no part"
            return f"a split without {part!r} (it has {names}); gs.split_rows makes one"
        rows = split[part]
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            return (
                f"split[{part!r}] of type {rows.dtype} and shape {list(rows.shape)}, not a list "
                "of row indices"
            )
        if rows.min() < 0 or rows.max() >= count:
            return (
                f"split[{part!r}] with row {_show_outside(rows, count)}, but the rows are "
                f"0 to {count - 1}"
            )
        if len(np.unique(rows)) < len(rows):
            return f"split[{part!r}] with a row twice"
    tests, validation, pool = (split[part] for part in PARTS)
    shared = np.intersect1d(tests, pool)
    if len(shared):
        return f"a split that tests {len(shared)} of the examples that it trains on"
    if len(validation) >= len(pool):
        return "a split without an example to train on: validation is all of pool"
    # Training takes the pool from its beginning, and stops before the validation set.
    if not np.array_equal(pool[len(pool) - len(validation) :], validation):
        return "a split whose pool does not end with the rows of validation"
    return None


def _show_outside(rows: np.ndarray, count: int) -> int:
    """Return a row index that is no row."""
    return int(rows[(rows < 0) | (rows >= count)][0])


def _find_bad_lookup(built: DatasetArrays) -> str | None:
    if not isinstance(built.lookups, Mapping):
        return f"lookups={_show(built.lookups)}, not a dict"
    for field, pair in built.lookups.items():
        start = f"lookups[{field!r}]={_show(pair)}"
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            return f"{start}, not a pair: name in rows, name in banks"
        name, bank_name = pair
        if name not in built.rows or bank_name not in built.banks:
            return f"{start}, but rows or banks have no such name"
        indices, bank = built.rows[name], built.banks[bank_name]
        if indices.dtype.kind not in "iu":
            return f"{start}, but rows[{name!r}] is not of whole numbers"
        if indices.size and not 0 <= indices.min() <= indices.max() < len(
            bank
        ):
            return f"{start}, but rows[{name!r}] has numbers outside of 0 to {len(bank) - 1}"
    return None


def _find_bad_attributes(built: DatasetArrays) -> str | None:
    names = built.attributes
    if not isinstance(names, Mapping):
        return f"attributes={_show(names)}, not a dict"
    codes = built.rows.get("attributes")
    if codes is None:
        return None
    if codes.ndim != 2 or codes.shape[1] != len(names):
        return (
            f"rows['attributes'] of shape {list(codes.shape)}, but `attributes` names "
            f"{len(names)} columns"
        )
    return None


def _find_bad_notes(built: DatasetArrays) -> str | None:
    notes = built.notes
    if not isinstance(notes, (tuple, list)):
        return f"notes={_show(notes)}, not a tuple of texts"
    for note in notes:
        if not isinstance(note, str):
            return f"notes={_show(notes)}, not a tuple of texts"
    counts = built.counts
    if not isinstance(counts, Mapping):
        return f"counts={_show(counts)}, not a dict of numbers"
    return None


def _show(value: Any) -> str:
    return show_value(value, _MAX_SHOWN)
