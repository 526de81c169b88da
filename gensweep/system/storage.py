"""Files that are whole or absent: every write goes to a temporary file beside the target and is renamed."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import secrets
import stat
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

from gensweep.system.locks import lock_by_file

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


Content = bytes | str | Callable[[BinaryIO], object]
MAX_FILE_BYTES = 1 << 29
"""Bytes of a file that is read into memory; a sweep.json of 100,000 points has a fifth of it."""
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}
"""What a file system says of a call that it does not have."""
_NO_LOCKS = _UNKNOWN | {errno.ENOLCK}
_NAME = 40
"""Characters of a file's name in the name of its temporary file, which must not become too long."""


def write_atomic(path: Path, content: Content) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old content or the new one.

    Args:
        path: the file; its folder must exist.
        content: what to write, or a function that writes it into a binary file.

    Raises:
        OSError: disk full, no permission; the old content is still there.
    """
    handle, name = _create_beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            _sync(file.fileno())
        os.replace(name, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the error that counts is the first one
            os.unlink(name)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # a full disk does not say where
        raise


def _create_beside(path: Path) -> tuple[int, str]:
    """Create a temporary file in the folder of a file; who may read it is the umask's to say."""
    flags = (
        os.O_WRONLY
        | os.O_CREAT
        | os.O_EXCL
        | getattr(os, "O_CLOEXEC", 0)
        | getattr(os, "O_BINARY", 0)
    )
    while True:
        name = str(path.parent / f".{path.name[:_NAME]}.{secrets.token_hex(6)}.tmp")
        with contextlib.suppress(FileExistsError):
            return os.open(name, flags, 0o666), name


def _sync(handle: int) -> None:
    """Make what was written survive a power cut, where the file system can be asked to."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise


def explain_distrust(status: os.stat_result) -> str | None:
    """Return why somebody else may have written a file, or what lies in a folder; None where nobody can have.

    What is executed must belong to this user or to root, and be writable by nobody else. On Windows, where a file's
    numbers do not say so, everything is trusted.
    """
    if os.name == "nt":
        return None
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to another user (number {status.st_uid})"
    return "can be written by others than its owner" if status.st_mode & 0o022 else None


def make_private_folder(parent: Path, name: str) -> Path:
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
    status = folder.stat()
    is_open = bool(status.st_mode & 0o022)
    if os.name != "nt" and status.st_uid == os.geteuid() and is_open:
        folder.chmod(status.st_mode & 0o7755)
        status = folder.stat()
    if why := explain_distrust(status):
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


class NotRegular(OSError):
    """What has a file's name is none that is read: a pipe, a device, or far too large."""


def read_file(path: str | Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of a regular file. Whatever else has its name is not read: a pipe would wait for ever.

    Args:
        path: the file, or a link to it.
        limit: the most bytes that it may have.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
        NotRegular: it is a pipe or a device, a link that leads to itself, or too large.
        OSError: it is a folder, or cannot be read.
    """
    handle = _open_regular(path, os.O_RDONLY)
    with open(
        handle, "rb", buffering=0
    ) as file:  # a third less time for a file that is read as one piece
        size = os.fstat(handle).st_size
        if size > limit:
            raise NotRegular(
                errno.EFBIG, f"too large: {size:,} bytes, {limit:,} at most", str(path)
            )
        return file.read()


def _open_regular(path: str | Path, flags: int) -> int:
    """Open a regular file, without waiting for whoever is at the other end of a pipe of its name.

    Raises:
        NotRegular: it is a pipe or a device, or a link that leads to itself.
        OSError: it is a folder, or cannot be opened.
    """
    at_once = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags | at_once, 0o666)
    except ValueError as error:  # a zero byte, or a lone surrogate
        raise NotRegular(errno.EINVAL, f"no name of a file ({error})", repr(path)) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotRegular(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise NotRegular(errno.EINVAL, "not a regular file", str(path)) from None
        raise
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise NotRegular(errno.EINVAL, "not a regular file", str(path))


def parse_json(content: bytes) -> Any:
    """Return the value that a file of JSON holds; for files that another program may have written.

    Raises:
        ValueError: not UTF-8, cut short, nested too deeply, or with a key twice; says which.
    """
    try:
        text = content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("not whole JSON (not UTF-8)") from None
    except json.JSONDecodeError:
        mark = "begins with a byte order mark" if text.startswith("\ufeff") else "cut short?"
        raise ValueError(f"not whole JSON ({mark})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; of a key that comes twice nobody could say which value counts."""
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    counts = Counter(key for key, _ in pairs)
    twice = next(key for key, count in counts.items() if count > 1)
    raise ValueError(f"the key {twice[:40]!r} comes twice")


def format_json(value: Any) -> str:
    """Indented JSON as files hold it; NaN is refused."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of `format_json`."""
    write_atomic(path, format_json(value))


def convert_to_bytes(content: Content) -> bytes | memoryview:
    """What `write_atomic` would write, in memory."""
    if not callable(content):
        return content.encode() if isinstance(content, str) else content
    file = io.BytesIO()
    content(file)
    return file.getbuffer()


@contextlib.contextmanager
def lock_file(path: Path) -> Generator[None]:
    """Hold an exclusive lock on ``path`` (created if absent) among the processes that share the file system.

    Where the file system has no `flock` (Lustre without the option, some FUSE and network file systems), a file
    beside ``path`` is the lock.

    Raises:
        NotRegular: what is there is a pipe or a device, or a link that leads to itself.
        OSError: the file can neither be made nor opened.
    """
    with contextlib.ExitStack() as stack:
        handle = _open_regular(path, os.O_WRONLY | os.O_CREAT)
        file = stack.enter_context(open(handle, "wb", buffering=0))
        if not _flock(file.fileno()):
            file.close()  # some file systems remove no file that is open
            stack.enter_context(lock_by_file(path))
        yield


def _flock(handle: int) -> bool:
    """Wait for an exclusive `flock`; return False where there is no such thing."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True
