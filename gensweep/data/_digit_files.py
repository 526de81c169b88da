"""Pictures and labels out of IDX files and NumPy archives. Their bytes are not trusted: sizes are checked first."""

from __future__ import annotations

import gzip
import io
import itertools
import math
import os
import re
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gensweep.core.errors import DataError

LIMIT = 1 << 30
"""The most bytes that a file may have, or unpack to: the 280,000 digits of EMNIST take a fifth."""
BYTES = {0x08: ">u1"}
"""The IDX format's code for unsigned bytes."""
INTEGERS = BYTES | {0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
"""Its codes for whole numbers; the labels of QMNIST are of four bytes."""
_AXES = {"images": (3,), "labels": (1, 2)}
_DAMAGED = (
    *(OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile),
    RuntimeError,  # zipfile's, of an encrypted file and (NotImplementedError) of a compression that it lacks
    *(SyntaxError, TypeError, tokenize.TokenError),  # NumPy's, of a header that is no header
)
_NAME = re.compile(r"(.*)(images|labels)(.*)[-.]idx([0-9])(.*?)(?:\.gz)?", re.IGNORECASE)
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
"""The names that archives give to pictures and labels, in capitals or not; of each layout the first pair is needed.

The first is Keras', the second MedMNIST's, and the last NumPy's where no names were given.
"""
_DEEPEST, _MOST_FOLDERS = 4, 1000
"""How far below a folder, and in how many, IDX files are looked for that the folder itself lacks."""


class Part(NamedTuple):
    """Pictures and labels as stored, and what an error calls each."""

    pictures: np.ndarray
    labels: np.ndarray
    pictures_at: str
    labels_at: str


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The IDX files of a folder, not of those inside it: pictures with their labels, paired by the rest of the name.

    A file beside its own compressed copy, as torchvision leaves it, is read from the copy.

    Raises:
        DataError: no such folder, no such files, or one without its other half.
    """
    found: dict[tuple[str, ...], dict[str, Path]] = {}
    try:
        paths = sorted(
            path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
        )
    except OSError as error:
        raise DataError(f"idx:{folder}: {error.strerror}; name a folder of IDX files") from error
    for path in paths:
        name = _NAME.fullmatch(path.name)
        if name is None or int(name[4]) not in _AXES[name[2].lower()]:
            continue
        half, other = name[2].lower(), found.setdefault((name[1], name[3]), {})
        if half in other and path.name != f"{other[half].name}.gz":
            raise DataError(
                f"idx:{folder}: {other[half].name} and {path.name} are one part twice; remove one of them"
            )
        other[half] = path
    for halves in found.values():
        if missing := _AXES.keys() - halves:
            names = ", ".join(path.name for path in halves.values())
            raise DataError(
                f"idx:{folder}: {names} has no {missing.pop()} beside it; add them, or remove the file{_hint(folder)}"
            )
    if not found:
        raise DataError(
            f"idx:{folder} holds no IDX files; names are as in train-images-idx3-ubyte and train-labels-idx1-ubyte, "
            f"or the same with .gz{_hint(folder)}"
        )
    return [(halves["images"], halves["labels"]) for halves in found.values()]


def _hint(folder: Path) -> str:
    """Say where the IDX files are that lie deeper than they should; "": nowhere."""
    halves: dict[Path, set[str]] = {}
    walk = itertools.islice(os.walk(folder), _MOST_FOLDERS)
    for place, folders, names in walk:
        path = Path(place)
        if len(path.relative_to(folder).parts) >= _DEEPEST:
            folders.clear()
        for name in filter(None, map(_NAME.fullmatch, names)):
            if path != folder:
                halves.setdefault(path, set()).add(name[2].lower())
    complete = sorted(str(path) for path, there in halves.items() if there == _AXES.keys())
    if complete:
        return f"; there are IDX files in {', '.join(complete[:3])}: name that folder"
    if halves:
        lone = ", ".join(sorted(str(path) for path in halves)[:4])
        return f"; there are IDX files one by one in {lone}: move them into one folder"
    return ""


def is_turned(path: Path) -> bool:
    """Whether a file is of EMNIST by its name: NIST hands on the pictures of it with rows and columns exchanged."""
    name = _NAME.fullmatch(path.name)
    return name is not None and name[2].lower() == "images" and "emnist" in path.name.lower()


def count_axes(path: Path) -> int:
    """Return the number of axes that an IDX file has by its name."""
    name = _NAME.fullmatch(path.name)
    assert name is not None, path
    return int(name[4])


def read_idx(
    content: bytes, place: object, axes: int, kinds: Mapping[int, str] = BYTES
) -> np.ndarray:
    """Read an IDX file, gzipped or not.

    Args:
        content: the file's bytes.
        place: what the error names.
        axes: how many it must have.
        kinds: the types of number that it may have: the format's code -> NumPy's name.

    Returns:
        An array of one of these types.

    Raises:
        DataError: another format, cut short, too long, too large.
    """
    zipped = content.startswith(b"\x1f\x8b")
    stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if zipped else io.BytesIO(content)
    try:
        header = stream.read(4 + 4 * axes)
        kind = kinds.get(header[2]) if len(header) == 4 + 4 * axes else None
        if kind is None or header[:4] != bytes([0, 0, header[2], axes]):
            numbers = "unsigned bytes" if kinds is BYTES else "whole numbers"
            raise DataError(
                f"{place} is no IDX file of {numbers} with {axes} axes: it begins {header[:4].hex()}"
            )
        shape = np.frombuffer(header, ">u4", offset=4).tolist()
        size = math.prod(shape) * np.dtype(kind).itemsize
        if size > LIMIT:
            raise DataError(f"{place} says that it holds {size:,} bytes, more than {LIMIT:,}")
        body = stream.read(
            size + 1
        )  # one more shows that there is more, and at the end the checksum is checked
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{place} is damaged: {error}; copy it again") from error
    if len(body) != size:
        amount = "more" if len(body) > size else f"{len(body):,}"
        raise DataError(
            f"{place} holds {amount} bytes where its header says {size:,}; copy it again"
        )
    return np.frombuffer(body, kind).reshape(shape)


def read_npz(content: bytes, place: object) -> list[Part]:
    """Pictures and labels of a NumPy archive, as stored; several where it has training and test sets.

    Raises:
        DataError: no archive, other names, damaged, too large, pickled objects.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [
                name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")
            ]
            return [
                Part(
                    _member(archive, pictures, place), _member(archive, labels, place),
                    f"{place}: {pictures}", f"{place}: {labels}",
                )
                for pictures, labels in _layout(names, place)
            ]  # fmt: skip
    except _DAMAGED as error:
        raise DataError(f"{place} is damaged, or no NumPy archive: {error}") from error


def _layout(names: Iterable[str], place: object) -> list[tuple[str, str]]:
    """The pairs of pictures and labels that are there, by the one layout whose first pair is there.

    Raises:
        DataError: no layout fits, or more than one; or a set has pictures without labels, or labels without pictures.
    """
    names = sorted(names)
    exact = {name.lower(): name for name in names}
    complete = [layout for layout in LAYOUTS if all(name in exact for name in layout[0])]
    if len(complete) == 1 and len(exact) == len(names):
        for pair in complete[0]:
            there = [exact[name] for name in pair if name in exact]
            if len(there) == 1:
                raise DataError(
                    f"{place}: {there[0]} has no other half; {' and '.join(pair)} belong together"
                )
        return [(exact[x], exact[y]) for x, y in complete[0] if x in exact]
    known = "; ".join(", ".join(name for pair in layout for name in pair) for layout in LAYOUTS)
    amount = "several layouts" if complete else "no layout that is known"
    raise DataError(
        f"{place} has {amount}: it holds {', '.join(names) or 'nothing'}; known are {known}"
    )


def _member(archive: zipfile.ZipFile, name: str, place: object) -> np.ndarray:
    """One array, never unpickled."""
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > LIMIT:
        raise DataError(
            f"{place}: {name} would unpack to {info.file_size:,} bytes, more than {LIMIT:,}"
        )
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise DataError(f"{place}: {name} has an unknown version of the format, {version}")
        first = version == (1, 0)
        header = (
            np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = header(stream)
        if dtype.kind not in "buif":
            raise DataError(
                f"{place}: {name} holds {dtype}, not numbers; pickled objects are never opened"
            )
        size = math.prod(shape) * dtype.itemsize
        if size != info.file_size - stream.tell():
            raise DataError(
                f"{place}: {name} is cut short: {shape} of {dtype} takes {size:,} bytes"
            )
        body = stream.read()
    if len(body) != size:
        raise DataError(f"{place}: {name} is cut short: {len(body):,} of {size:,} bytes")
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
