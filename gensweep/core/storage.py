"""Files that are whole or absent: every write goes to a temporary file beside the target and is renamed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


Content = bytes | str | Callable[[BinaryIO], None]


def write_atomic(path: Path, content: Content) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old content or the new one.

    Args:
        path: the file; its folder must exist.
        content: what to write, or a function that writes it into a binary file.

    Raises:
        OSError: disk full, no permission; the old content is still there.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # a full disk does not say where
        raise


def find_distrust(stat: os.stat_result) -> str | None:
    """Return why somebody else may have written a file, or what lies in a folder; None where nobody can have.

    What is executed must belong to this user or to root, and be writable by nobody else. On Windows, where a file's
    numbers do not say so, everything is trusted.
    """
    if os.name == "nt":
        return None
    if stat.st_uid not in (0, os.geteuid()):
        return f"belongs to another user (number {stat.st_uid})"
    return "can be written by others than its owner" if stat.st_mode & 0o022 else None


def private_folder(parent: Path, name: str) -> Path:
    """Return a folder that only this user, or root, can have written to; made if need be.

    One of this user's that others could write to is closed to them: what they have left in it is theirs, and not
    trusted either.

    Raises:
        PermissionError: it belongs to somebody else, or is open and cannot be closed.
        OSError: it cannot be made.
    """
    folder = parent / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    stat = folder.stat()
    if os.name != "nt" and stat.st_uid == os.geteuid() and stat.st_mode & 0o022:
        folder.chmod(stat.st_mode & 0o7755)
        stat = folder.stat()
    if why := find_distrust(stat):
        raise PermissionError(
            f"{folder} {why}; nothing in it is used. Remove it, or set GENSWEEP_CACHE to another folder"
        )
    return folder


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def as_json(value: Any) -> str:
    """Indented JSON as files hold it; NaN is refused."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of `as_json`."""
    write_atomic(path, as_json(value))


def as_bytes(content: Content) -> bytes | memoryview:
    """What `write_atomic` would write, in memory."""
    if not callable(content):
        return content.encode() if isinstance(content, str) else content
    file = io.BytesIO()
    content(file)
    return file.getbuffer()


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold an exclusive lock on ``path`` (created if absent) among the processes that share the file system."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
