"""Digits in files of users: IDX files and NumPy archives, pinned to their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from gensweep.core.errors import DataError
from gensweep.data._idx_files import (
    INTEGER_TYPES,
    MAX_FILE_BYTES,
    count_axes,
    find_pairs,
    is_transposed,
    read_idx,
)
from gensweep.data._npz_files import Part, read_npz
from gensweep.data._picture_files import join_first
from gensweep.prepare.fingerprint import Scheme, Source

Notes = tuple[str, ...]
"""Messages for the user about some digits."""
QMNIST_COLUMNS = 8
"""Columns of QMNIST's labels; the first has the digit, the others tell who wrote it."""


def _list_idx_files(folder: Path) -> Sequence[Path]:
    return [path for pair in find_pairs(folder) for path in pair]


def _list_npz_files(path: Path) -> Sequence[Path]:
    if not path.is_file():
        raise DataError(f"npz:{path} is not a file; name a NumPy archive")
    return [path]


def _describe_reading(path: Path) -> str:
    """Return `turned` if the pictures of a file are turned when they are read.

    The name of the file decides that, so it is part of the identity of the digits.
    """
    return "turned" if is_transposed(path) else ""


IDX = Scheme(
    "idx",
    "DIR",
    files=_list_idx_files,
    together=2,
    reading=_describe_reading,
)
NPZ = Scheme("npz", "FILE", files=_list_npz_files)
DIGITS = Source(IDX, NPZ, names=("mnist5k", "mnist"))


def read_pinned_parts(
    scheme: str,
    path: Path,
    source: str,
) -> tuple[list[Part], Notes]:
    """Return the parts of a user's digits, and notes about them.

    Raises:
        DataError: the files have changed since the source was pinned.
    """
    contents = {}
    hashes = {}
    for file in DIGITS.schemes[scheme].files(path):
        contents[file] = _read_file(file)
        digest = hashlib.sha256(contents[file])
        hashes[file] = digest.hexdigest()
    if source != DIGITS.schemes[scheme].pin_digests(hashes):
        raise DataError(
            f"{scheme}:{path} has changed since it was named; start again to use what it holds now"
        )
    if scheme == NPZ.name:
        notes: Notes = ()
        if "emnist" in path.name.lower():
            note = f"{path.name}: EMNIST's pictures lie on their side unless somebody turned them"
            notes = (f"{note}; check with: data show",)
        return read_npz(contents[path], path), notes
    # Sorted by content, and copies of a pair once, since names are not part of the identity.
    pairs = {}
    for pair in find_pairs(path):
        pictures, labels = pair
        key = (hashes[pictures], hashes[labels])
        pairs[key] = pair
    ordered = [pairs[key] for key in sorted(pairs)]
    parts = []
    turned = []
    for pictures, labels in ordered:
        parts.append(_read_idx_part(pictures, labels, contents))
        if is_transposed(pictures):
            turned.append(pictures.name)
    if not turned:
        return parts, ()
    note = f"turned upright, since EMNIST has rows and columns exchanged: {join_first(turned, 3)}"
    return parts, (
        f"{note}; rename files whose pictures are upright already",
    )


def _read_idx_part(
    pictures_path: Path,
    labels_path: Path,
    contents: Mapping[Path, bytes],
) -> Part:
    pictures = read_idx(
        contents[pictures_path],
        pictures_path,
        3,
    )
    if is_transposed(pictures_path):
        pictures = pictures.swapaxes(1, 2)
    axes = count_axes(labels_path)
    labels = read_idx(
        contents[labels_path],
        labels_path,
        axes,
        INTEGER_TYPES,
    )
    if labels.shape[1:] == (QMNIST_COLUMNS,):
        labels = labels[:, 0]
    return Part(
        pictures,
        labels,
        str(pictures_path),
        str(labels_path),
    )


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"{path} has more than {MAX_FILE_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
