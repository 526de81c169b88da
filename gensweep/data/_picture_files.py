"""Find the picture files of a folder."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from gensweep.core.errors import DataError
from gensweep.system.naming import make_visible

log = logging.getLogger(__name__)
_DECODABLE_SUFFIXES = """
    .jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .tif .tiff .bmp .avif
    .jp2 .j2k .j2c .jpc .jpf .jpx .ppm .pgm .pbm .pnm .pfm .qoi
"""
_OTHER_SUFFIXES = ".heic .heif .jxl .tga .psd"
"""Pictures that cannot be opened. They are reported as such, not ignored."""
SUFFIXES = frozenset(_DECODABLE_SUFFIXES.split() + _OTHER_SUFFIXES.split())
"""The suffixes of files that count as pictures."""
MAX_ITEMS_PRINTED = 10
MAX_SUFFIXES_PRINTED = 5


def find_pictures(path: Path) -> list[Path]:
    """Return the pictures of a folder and its subfolders, sorted. Their suffixes decide.

    Hidden files and folders are left out. Links are followed, but no folder is entered twice.
    No file is opened, since a link can be broken and a name can be that of a pipe.

    Raises:
        DataError: the path is not a folder, cannot be read, or has no pictures.
    """
    pictures = []
    others: Counter[str] = Counter()
    try:
        if not path.is_dir():
            problem = "is a file" if path.exists() else "does not exist"
            raise DataError(f"{path} {problem}; name a folder of pictures")
        for file in _walk(path):
            suffix = file.suffix.lower()
            if suffix in SUFFIXES:
                pictures.append(file)
            else:
                others[suffix or "no suffix"] += 1
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}",
        ) from error
    counts = [
        f"{count} with {suffix}" for suffix, count in others.most_common()
    ]
    skipped = join_first(counts, MAX_SUFFIXES_PRINTED)
    if not pictures:
        raise DataError(
            f"{path} has no pictures; other files: {skipped or 'none'}",
        )
    if skipped:
        _warn_once(
            f"{path}: skipped, since their names are not those of pictures: {skipped}"
        )
    return sorted(pictures)


def _walk(path: Path) -> Iterator[Path]:
    """Yield every file of a folder and its subfolders that is not hidden."""
    entered = set()
    walk = os.walk(
        path,
        followlinks=True,
        onerror=_raise,
    )
    for folder, subfolders, files in walk:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in entered:
            # A link leads back to a folder that was listed before: do not enter it again.
            subfolders.clear()
            continue
        entered.add(identity)
        visible = [name for name in subfolders if not name.startswith(".")]
        subfolders[:] = sorted(visible)
        for name in files:
            if not name.startswith("."):
                yield Path(folder, name)


def _raise(error: OSError) -> NoReturn:
    raise error


@lru_cache(maxsize=256)
def _warn_once(text: str) -> None:
    """Log a warning. The cache makes sure that a process logs each text once."""
    log.warning("%s", make_visible(text))


def join_first(items: Iterable[str], limit: int = MAX_ITEMS_PRINTED) -> str:
    """Return the first items, safe to print, and the number of the others, as one line."""
    parts = [make_visible(item) for item in items]
    text = ", ".join(parts[:limit])
    if len(parts) > limit:
        text += f", and {len(parts) - limit} more"
    return text
