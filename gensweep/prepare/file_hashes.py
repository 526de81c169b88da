"""SHA-256 of the user's files. The cache stores them, so an unchanged file is read once."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from gensweep.core.errors import DataError
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.storage import write_json

log = logging.getLogger(__name__)
_SETTLED_SECONDS = 2.0
"""A file that changed more recently may change again without a new time stamp."""
_NAME_DIGITS = 16


def hash_files(
    folder: Path,
    files: Sequence[Path],
    unreadable: dict[Path, str] | None = None,
) -> dict[Path, str]:
    """Return the SHA-256 of every file, from the cache for files that did not change.

    Args:
        folder: the folder or file that they belong to.
        files: the files; pipes, devices and sockets count as unreadable and are never opened.
        unreadable: receives each file that cannot be read, with the reason; None: such a file is
            an error.

    Raises:
        DataError: a file cannot be read.
    """
    cache_path = _get_cache_path(folder)
    cached = _read_cache(cache_path)
    hashes = {}
    settled = {}
    newest_settled_ns = time.time_ns() - int(_SETTLED_SECONDS * 1e9)
    for path in files:
        try:
            status = path.stat()
            stamp = _get_stamp(status)
            previous = cached.get(str(path))
            if previous is not None and previous[0] == stamp:
                hashes[path] = previous[1]
            else:
                hashes[path] = _hash_file(path)
        except OSError as error:
            if unreadable is None:
                raise DataError(
                    f"{path} cannot be read: {error.strerror}"
                ) from error
            unreadable[path] = str(error.strerror)
            continue
        if max(status.st_mtime_ns, status.st_ctime_ns) < newest_settled_ns:
            settled[str(path)] = (stamp, hashes[path])
    if settled != cached:
        _write_cache(cache_path, settled)
    return hashes


def _get_stamp(status: os.stat_result) -> list[int]:
    """Return the numbers that change when the content of a file does.

    Raises:
        OSError: it is not a regular file.
    """
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a file")
    # Copies and archives set the time of the content. Nothing can set the time of the inode.
    return [
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
    ]


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _get_cache_path(folder: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:_NAME_DIGITS]
    return get_cache_root() / "digests" / f"{digest}.json"


def _read_cache(path: Path) -> dict[str, tuple[list[int], str]]:
    """Return the stamp and the hash of each file in the cache; nothing if it is damaged."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: (stamp, digest)
            for name, (stamp, digest) in entries.items()
            if isinstance(digest, str)
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_cache(
    path: Path, entries: dict[str, tuple[list[int], str]]
) -> None:
    """Write the cache. A failure costs time at the next run, and nothing else."""
    try:
        make_cache_folder("digests")
        write_json(path, entries)
    except (DataError, OSError) as error:
        log.debug("the hashes were not cached: %s", error)
