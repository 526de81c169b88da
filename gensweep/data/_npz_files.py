"""Read pictures of digits and their labels from NumPy archives.

The files are not trusted. Sizes are checked before anything is unpacked, and pickled objects are
never opened.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from typing import IO, NamedTuple

import numpy as np

from gensweep.core.errors import DataError
from gensweep.data._idx_files import MAX_FILE_BYTES

LAYOUTS = (
    (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
    (
        ("train_images", "train_labels"),
        ("val_images", "val_labels"),
        ("test_images", "test_labels"),
    ),
    (("images", "labels"),),
    (("x", "y"),),
    (("data", "target"),),
    (("arr_0", "arr_1"), ("arr_2", "arr_3")),
)
"""The names of pictures and labels in an archive, in capitals or not.

The first pair of a layout is required, the others are optional. The first layout is that of Keras,
the second that of MedMNIST, and the last that of NumPy if no names are given.
"""
_DAMAGED = (
    # Of files, of zipfile and of zlib.
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    zipfile.BadZipFile,
    # Of zipfile, if a file is encrypted, or compressed by an unsupported method.
    RuntimeError,
    # Of NumPy, if a header cannot be parsed.
    SyntaxError,
    TypeError,
    tokenize.TokenError,
)


class Part(NamedTuple):
    """Pictures and labels as they are stored.

    Attributes:
        pictures: of any shape and type.
        labels: of any shape and type.
        pictures_name: the name of the pictures in an error.
        labels_name: the name of the labels in an error.
    """

    pictures: np.ndarray
    labels: np.ndarray
    pictures_name: str
    labels_name: str


def read_npz(content: bytes, path: object) -> list[Part]:
    """Return the pictures and labels of a NumPy archive.

    Args:
        content: the bytes of the file.
        path: the file that an error names.

    Returns:
        One part, or one for each of training, validation and test set.

    Raises:
        DataError: the file is not an archive, is damaged, too large, has other names, or objects
            that would have to be unpickled.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = []
            for name in archive.namelist():
                if name.endswith(".npy"):
                    names.append(name.removesuffix(".npy"))
            parts = []
            for pictures, labels in _match_layout(names, path):
                part = Part(
                    pictures=_read_member(archive, pictures, path),
                    labels=_read_member(archive, labels, path),
                    pictures_name=f"{path}: {pictures}",
                    labels_name=f"{path}: {labels}",
                )
                parts.append(part)
            return parts
    except _DAMAGED as error:
        raise DataError(
            f"{path} is damaged, or not a NumPy archive: {error}",
        ) from error


def _match_layout(
    names: Iterable[str],
    path: object,
) -> list[tuple[str, str]]:
    """Return the names of pictures and labels in an archive, pair by pair.

    Args:
        names: the names of all arrays in the archive.
        path: the file that an error names.

    Raises:
        DataError: the names match no layout, or more than one; or a pair is incomplete.
    """
    names = sorted(names)
    exact = {name.lower(): name for name in names}
    matches = []
    for layout in LAYOUTS:
        if all(name in exact for name in layout[0]):
            matches.append(layout)
    # Fewer exact names than names: two names differ in capitals only.
    if len(matches) != 1 or len(exact) != len(names):
        problem = (
            "matches several layouts" if matches else "matches no layout"
        )
        supported = "; ".join(_format_layout(layout) for layout in LAYOUTS)
        raise DataError(
            f"{path} {problem}: it holds {', '.join(names) or 'nothing'}; "
            f"supported names are {supported}"
        )
    pairs = []
    for pair in matches[0]:
        available = [exact[name] for name in pair if name in exact]
        if len(available) == 1:
            raise DataError(
                f"{path}: {available[0]} has no counterpart; {' and '.join(pair)} belong together"
            )
        if available:
            pictures, labels = available
            pairs.append((pictures, labels))
    return pairs


def _format_layout(layout: tuple[tuple[str, str], ...]) -> str:
    names = [name for pair in layout for name in pair]
    return ", ".join(names)


def _read_member(
    archive: zipfile.ZipFile,
    name: str,
    path: object,
) -> np.ndarray:
    """Read one array of an archive. `np.load` would unpack it before any check of its size."""
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > MAX_FILE_BYTES:
        raise DataError(
            f"{path}: {name} would unpack to {info.file_size:,} bytes, more than {MAX_FILE_BYTES:,}"
        )
    with archive.open(info) as stream:
        shape, is_fortran, dtype = _read_header(stream, f"{path}: {name}")
        size = math.prod(shape) * dtype.itemsize
        if size != info.file_size - stream.tell():
            raise DataError(
                f"{path}: {name} is cut short: {shape} of {dtype} takes {size:,} bytes",
            )
        body = stream.read()
    # The directory of the archive can be wrong about the size, so the bytes count.
    if len(body) != size:
        amount = f"{len(body):,} of {size:,} bytes"
        raise DataError(f"{path}: {name} is cut short: {amount}")
    order = "F" if is_fortran else "C"
    array = np.frombuffer(body, dtype)
    return array.reshape(shape, order=order)


def _read_header(
    stream: IO[bytes],
    name: str,
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return the shape of an array, whether it is in Fortran order, and its type."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(stream)
    else:
        raise DataError(
            f"{name} has an unknown version of the format, {version}",
        )
    dtype = header[2]
    if dtype.kind not in "buif":
        raise DataError(
            f"{name} holds {dtype}, not numbers; pickled objects are never opened",
        )
    return header
