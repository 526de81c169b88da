"""Reading of regular files, whoever replaces them meanwhile: pipes and devices are never read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_FILE_BYTES = 1 << 29
"""The largest file that is read into memory; a sweep.json of 100,000 points is a fifth of it."""
_STALE_ATTEMPTS = 4
"""How often a file is opened that other hosts replace while it is read."""


class NotRegularFileError(OSError):
    """A path is not a file that can be read: a pipe, a device, or far too large."""


def read_file(path: str | Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of a regular file. Anything else is not read: a pipe would block forever.

    Args:
        path: the file, or a link to it.
        limit: the maximum size in bytes.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no such file.
        NotRegularFileError: it is a pipe or a device, a link that leads to itself, or too large.
        OSError: it is a folder, or cannot be read.
    """
    for _ in range(_STALE_ATTEMPTS - 1):
        try:
            return _read_once(path, limit)
        except OSError as error:
            # On NFS, another host may replace a file after it was opened here. Its new content is
            # found by opening it again.
            if error.errno != errno.ESTALE:
                raise
    return _read_once(path, limit)


def _read_once(path: str | Path, limit: int) -> bytes:
    handle = open_regular(path)
    # Unbuffered: reading the complete file at once takes a third less time.
    with open(handle, "rb", buffering=0) as file:
        size = os.fstat(handle).st_size
        if size > limit:
            message = f"too large: {size:,} bytes, {limit:,} at most"
            raise NotRegularFileError(errno.EFBIG, message, str(path))
        return file.read()


def open_regular(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file and return its handle; a pipe does not block.

    Raises:
        NotRegularFileError: it is a pipe or a device, or a link that leads to itself.
        OSError: it is a folder, or cannot be opened.
    """
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags, 0o666)
    except ValueError as error:  # a zero byte, or a lone surrogate
        raise NotRegularFileError(
            errno.EINVAL, f"not the name of a file ({error})", repr(path)
        ) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotRegularFileError(
                errno.ELOOP, os.strerror(errno.ELOOP), str(path)
            ) from None
        if (
            error.errno == errno.ENXIO
        ):  # a pipe that nobody reads, or a socket
            raise NotRegularFileError(
                errno.EINVAL, "not a regular file", str(path)
            ) from None
        raise
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(
            errno.EISDIR, os.strerror(errno.EISDIR), str(path)
        )
    raise NotRegularFileError(errno.EINVAL, "not a regular file", str(path))
