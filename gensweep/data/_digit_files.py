"""Pictures and labels out of IDX files and NumPy archives. Their bytes are not trusted: sizes are checked first."""

from __future__ import annotations

import gzip
import io
import math
import re
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gensweep.core.errors import DataError

LIMIT = 1 << 30
"""The most bytes that a file may have, or unpack to: the 280,000 digits of EMNIST take a fifth."""
_BYTES = 0x08
"""The IDX format's code for unsigned bytes."""
_AXES = {"images": 3, "labels": 1}
_DAMAGED = (
    *(OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile),
    RuntimeError,  # zipfile's, of an encrypted file and (NotImplementedError) of a compression that it lacks
    *(SyntaxError, TypeError, tokenize.TokenError),  # NumPy's, of a header that is no header
)
_NAME = re.compile(r"(.*)(images|labels)(.*)[-.]idx([0-9])(.*?)(?:\.gz)?", re.IGNORECASE)
LAYOUTS = (
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("images", "labels"),),
    (("x", "y"),),
    (("data", "target"),),
)
"""The names that archives give to pictures and labels; the first is Keras'."""


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The IDX files of a folder, not of those inside it: pictures with their labels, paired by the rest of the name.

    A file beside its own compressed copy, as torchvision leaves it, is read from the copy.

    Raises:
        DataError: no such folder, no such files, or one without its other half.
    """
    found: dict[tuple[str, ...], dict[str, Path]] = {}
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"idx:{folder}: {error.strerror}; name a folder of IDX files") from error
    for path in paths:
        name = _NAME.fullmatch(path.name)
        if name is None or int(name[4]) != _AXES[name[2].lower()]:
            continue
        half, other = name[2].lower(), found.setdefault((name[1], name[3], name[5]), {})
        if half in other and path.name != f"{other[half].name}.gz":
            raise DataError(f"idx:{folder}: {other[half].name} and {path.name} are one part twice; remove one of them")
        other[half] = path
    for halves in found.values():
        if missing := _AXES.keys() - halves:
            names = ", ".join(path.name for path in halves.values())
            raise DataError(f"idx:{folder}: {names} has no {missing.pop()} beside it; add them, or remove the file")
    if not found:
        raise DataError(
            f"idx:{folder} holds no IDX files; names are as in train-images-idx3-ubyte and train-labels-idx1-ubyte, "
            "or the same with .gz"
        )
    return [(halves["images"], halves["labels"]) for halves in found.values()]


def read_idx(content: bytes, place: object, axes: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Args:
        content: the file's bytes.
        place: what the error names.
        axes: 3 for pictures, 1 for labels.

    Returns:
        uint8, of as many axes.

    Raises:
        DataError: another format, cut short, too long, too large.
    """
    zipped = content.startswith(b"\x1f\x8b")
    stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if zipped else io.BytesIO(content)
    try:
        header = stream.read(4 + 4 * axes)
        if len(header) != 4 + 4 * axes or header[:4] != bytes([0, 0, _BYTES, axes]):
            raise DataError(f"{place} is no IDX file of unsigned bytes with {axes} axes: it begins {header[:4].hex()}")
        shape = np.frombuffer(header, ">u4", offset=4).tolist()
        size = math.prod(shape)
        if size > LIMIT:
            raise DataError(f"{place} says that it holds {size:,} bytes, more than {LIMIT:,}")
        body = stream.read(size + 1)  # one more shows that there is more, and at the end the checksum is checked
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{place} is damaged: {error}; copy it again") from error
    if len(body) != size:
        amount = "more" if len(body) > size else f"{len(body):,}"
        raise DataError(f"{place} holds {amount} bytes where its header says {size:,}; copy it again")
    return np.frombuffer(body, np.uint8).reshape(shape)


def read_npz(content: bytes, place: object) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures and labels of a NumPy archive, as stored; several where it has training and test sets.

    Raises:
        DataError: no archive, other names, damaged, too large, pickled objects.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            return [
                (_member(archive, pictures, place), _member(archive, labels, place))
                for pictures, labels in _layout(names, place)
            ]
    except _DAMAGED as error:
        raise DataError(f"{place} is damaged, or no NumPy archive: {error}") from error


def _layout(names: Iterable[str], place: object) -> tuple[tuple[str, str], ...]:
    """The one layout whose names are all there."""
    names = sorted(names)
    complete = [layout for layout in LAYOUTS if all(name in names for pair in layout for name in pair)]
    if len(complete) == 1:
        return complete[0]
    known = "; ".join(", ".join(name for pair in layout for name in pair) for layout in LAYOUTS)
    amount = "several layouts" if complete else "no layout that is known"
    raise DataError(f"{place} has {amount}: it holds {', '.join(names) or 'nothing'}; known are {known}")


def _member(archive: zipfile.ZipFile, name: str, place: object) -> np.ndarray:
    """One array, never unpickled."""
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > LIMIT:
        raise DataError(f"{place}: {name} would unpack to {info.file_size:,} bytes, more than {LIMIT:,}")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise DataError(f"{place}: {name} has an unknown version of the format, {version}")
        first = version == (1, 0)
        header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(stream)
        if dtype.kind not in "buif":
            raise DataError(f"{place}: {name} holds {dtype}, not numbers; pickled objects are never opened")
        size = math.prod(shape) * dtype.itemsize
        if size != info.file_size - stream.tell():
            raise DataError(f"{place}: {name} is cut short: {shape} of {dtype} takes {size:,} bytes")
        body = stream.read()
    if len(body) != size:
        raise DataError(f"{place}: {name} is cut short: {len(body):,} of {size:,} bytes")
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
