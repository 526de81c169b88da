"""Local copies of a remote root's files: where they lie, and whether they are current."""

from __future__ import annotations

import atexit
import hashlib
import shutil
from pathlib import Path
from urllib.parse import quote

from gensweep.ledger.stores import MIRRORS_FOLDER, Entry
from gensweep.system.scratch import make_scratch

SETTLED_NS = 60 * 10**9
"""Nanoseconds after which the time of a change identifies one content of a given size.

Stores count in seconds, by their own clock."""


def is_current_copy(path: Path, entry: Entry | None) -> bool:
    """Return True if a local file certainly has the content that the store lists.

    A copy that was fetched too soon after a change does not count: the file may have changed
    again within the same second.
    """
    if entry is None:
        return False
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    is_same = (stat.st_size, stat.st_mtime_ns) == entry
    return is_same and stat.st_ctime_ns - entry.mtime_ns > SETTLED_NS


def list_copies(folder: Path) -> list[Path]:
    """Return all files below a local folder, sorted, without temporary ones."""
    paths = sorted(folder.rglob("*"))
    return [
        path
        for path in paths
        if path.is_file() and not path.name.endswith(".tmp")
    ]


def find_mirror(uri: str) -> Path:
    """Return the folder of the cache for the copies of a root."""
    from gensweep.system.cache_dir import get_cache_root

    digest = hashlib.sha256(uri.encode()).hexdigest()
    # The readable part alone would be too long for some file systems, and not unique.
    return (
        get_cache_root()
        / MIRRORS_FOLDER
        / f"{quote(uri, safe='')[:80]}-{digest[:12]}"
    )


def make_temporary_mirror() -> Path:
    """Create a folder for copies that is deleted when this process ends."""
    folder = make_scratch()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
