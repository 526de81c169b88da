"""Find and read IDX files: pictures of digits, and their labels.

The files are not trusted. Their sizes are checked before anything is unpacked.
"""

from __future__ import annotations

import gzip
import io
import itertools
import math
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gensweep.core.errors import DataError

MAX_FILE_BYTES = 1 << 30
"""The maximum size of a file, packed or unpacked. EMNIST's 280,000 digits need a fifth of it."""
BYTE_TYPES = {0x08: ">u1"}
"""The code of unsigned bytes in the IDX format -> NumPy's name."""
INTEGER_TYPES = BYTE_TYPES | {0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
"""The codes of all integers -> NumPy's names. QMNIST has labels of four bytes."""
MAX_HINT_DEPTH = 4
MAX_HINT_FOLDERS = 1000
"""If a folder has no IDX files, this many levels and folders below it are searched for them."""
MAX_HINT_PLACES = 3
MAX_HINT_LONE_PLACES = 4
"""How many of the folders that have IDX files an error names."""
_AXES = {"images": (3,), "labels": (1, 2)}
"""The part that a file name announces -> the possible numbers of axes."""
_Pair = dict[str, Path]
"""The part -> its file."""
_NAME = re.compile(
    r"(.*)(images|labels)(.*)[-.]idx([0-9])(.*?)(?:\.gz)?", re.IGNORECASE
)


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return the IDX files of a folder: each file of pictures with its file of labels.

    Two files are a pair if the rest of their names is equal. Subfolders are not searched. If a file
    exists with and without compression, as torchvision leaves it, the compressed one is used.

    Raises:
        DataError: the folder does not exist, has no such files, or one file without its pair.
    """
    pairs: dict[tuple[str, str], _Pair] = {}
    for path in _list_files(folder):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        part = match[2].lower()
        if int(match[4]) not in _AXES[part]:
            continue
        rest = (match[1], match[3])
        pair = pairs.setdefault(rest, {})
        other = pair.get(part)
        is_compressed_copy = (
            other is not None and path.name == f"{other.name}.gz"
        )
        if other is not None and not is_compressed_copy:
            raise DataError(
                f"idx:{folder}: {other.name} and {path.name} are the same part; remove one of them"
            )
        pair[part] = path
    for pair in pairs.values():
        _check_pair(folder, pair)
    if not pairs:
        raise DataError(
            f"idx:{folder} holds no IDX files; expected names such as train-images-idx3-ubyte and "
            f"train-labels-idx1-ubyte, or the same with .gz{_describe_other_places(folder)}"
        )
    complete = []
    for pair in pairs.values():
        complete.append((pair["images"], pair["labels"]))
    return complete


def _list_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are not hidden, sorted."""
    files = []
    try:
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith("."):
                files.append(path)
    except OSError as error:
        raise DataError(
            f"idx:{folder}: {error.strerror}; name a folder of IDX files",
        ) from error
    return sorted(files)


def _check_pair(folder: Path, pair: _Pair) -> None:
    for part in _AXES:
        if part in pair:
            continue
        names = ", ".join(path.name for path in pair.values())
        raise DataError(
            f"idx:{folder}: {names} has no {part} file; "
            f"add it, or remove {names}{_describe_other_places(folder)}"
        )


def _describe_other_places(folder: Path) -> str:
    """Return a hint where IDX files are below a folder, or an empty string."""
    parts: dict[Path, set[str]] = {}
    walk = itertools.islice(os.walk(folder), MAX_HINT_FOLDERS)
    for name, folders, files in walk:
        path = Path(name)
        depth = len(path.relative_to(folder).parts)
        if depth >= MAX_HINT_DEPTH:
            # `os.walk` does not enter folders that are removed from its list.
            folders.clear()
        if path == folder:
            continue
        for file in files:
            match = _NAME.fullmatch(file)
            if match is not None:
                part = match[2].lower()
                parts.setdefault(path, set()).add(part)
    complete = []
    for path, names in parts.items():
        if names == _AXES.keys():
            complete.append(str(path))
    if complete:
        complete.sort()
        places = ", ".join(complete[:MAX_HINT_PLACES])
        return f"; there are IDX files in {places}: name that folder"
    if parts:
        lone = sorted(str(path) for path in parts)
        places = ", ".join(lone[:MAX_HINT_LONE_PLACES])
        return f"; there are single IDX files in {places}: move them into one folder"
    return ""


def is_transposed(path: Path) -> bool:
    """Return True if a file has EMNIST's pictures, by its name.

    NIST publishes the pictures of EMNIST with rows and columns exchanged.
    """
    match = _NAME.fullmatch(path.name)
    if match is None or match[2].lower() != "images":
        return False
    return "emnist" in path.name.lower()


def count_axes(path: Path) -> int:
    """Return the number of axes that an IDX file has by its name."""
    match = _NAME.fullmatch(path.name)
    assert match is not None, path
    return int(match[4])


def read_idx(
    content: bytes,
    name: object,
    axes: int,
    types: Mapping[int, str] = BYTE_TYPES,
) -> np.ndarray:
    """Read an IDX file, gzipped or not.

    Args:
        content: the bytes of the file.
        name: the name that an error shows.
        axes: how many axes the file must have.
        types: the types of number that it may have: code in the format -> NumPy's name.

    Returns:
        An array of one of these types.

    Raises:
        DataError: the file has another format, is cut short, too long or too large.
    """
    stream: io.BytesIO | gzip.GzipFile = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        stream = gzip.GzipFile(fileobj=stream)
    try:
        dtype, shape = _read_header(
            stream,
            name,
            axes,
            types,
        )
        item_size = np.dtype(dtype).itemsize
        size = math.prod(shape) * item_size
        if size > MAX_FILE_BYTES:
            raise DataError(
                f"{name} says that it holds {size:,} bytes, more than {MAX_FILE_BYTES:,}"
            )
        # One byte more shows if the file is too long. At its end gzip compares the checksum.
        body = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is damaged: {error}; copy it again",
        ) from error
    if len(body) != size:
        amount = "more"
        if len(body) < size:
            amount = f"{len(body):,}"
        raise DataError(
            f"{name} holds {amount} bytes, but its header says {size:,}; copy it again"
        )
    return np.frombuffer(body, dtype).reshape(shape)


def _read_header(
    stream: io.BytesIO | gzip.GzipFile,
    name: object,
    axes: int,
    types: Mapping[int, str],
) -> tuple[str, list[int]]:
    """Return the type of number and the shape that an IDX file has by its header.

    The header is two zeros, the code of the type, the number of axes, and four bytes for the length
    of each axis.
    """
    size = 4 + 4 * axes
    header = stream.read(size)
    dtype = None
    if len(header) == size:
        dtype = types.get(header[2])
    start = header[:4]
    if dtype is None or start != bytes([0, 0, header[2], axes]):
        kind = "unsigned bytes" if types is BYTE_TYPES else "integers"
        raise DataError(
            f"{name} is not an IDX file of {kind} with {axes} axes: it begins with {start.hex()}"
        )
    shape = np.frombuffer(header, ">u4", offset=4)
    return dtype, shape.tolist()
