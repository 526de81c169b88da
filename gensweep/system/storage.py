"""Files that are complete or absent: a write goes to a temporary file, which is then renamed."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

from gensweep.system.locks import lock_by_file
from gensweep.system.regular_files import open_regular

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


Content = bytes | str | Callable[[BinaryIO], object]
_UNSUPPORTED = {
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOTTY,
}
"""Error numbers of a file system that does not have a call."""
_NO_LOCKS = _UNSUPPORTED | {errno.ENOLCK}
_TEMPORARY_NAME_CHARACTERS = 40
"""Characters of a file's name in its temporary name, so that the latter is not too long."""
_WRITABLE_BY_OTHERS = 0o022


def write_atomic(path: Path, content: Content) -> None:
    """Write a file so that a reader, or a crash at any moment, sees the old or the new content.

    Args:
        path: the file; its folder must exist.
        content: the content, or a function that writes it into a binary file.

    Raises:
        OSError: disk full, no permission; the old content is still there.
    """
    try:
        handle, temporary = _create_beside(path)
    except OSError as error:
        # It names the temporary file, which the reader does not know.
        error.filename = str(path)
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            elif isinstance(content, str):
                file.write(content.encode())
            else:
                file.write(content)
            file.flush()
            _sync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(
            OSError
        ):  # the first error is the one that counts
            os.unlink(temporary)
        # The error of a full disk names no file, and that of a rename names the temporary one.
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(path)
            # None would be a part of the message.
            del error.filename2
        raise


def _create_beside(path: Path) -> tuple[int, str]:
    """Create a temporary file in the folder of a file, with permissions by the umask."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    while True:
        short_name = path.name[:_TEMPORARY_NAME_CHARACTERS]
        name = str(path.parent / f".{short_name}.{secrets.token_hex(6)}.tmp")
        with contextlib.suppress(FileExistsError):
            return os.open(name, flags, 0o666), name


def _sync(handle: int) -> None:
    """Make written data survive a power cut, if the file system supports that."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, if the system can sync folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def explain_distrust(status: os.stat_result) -> str | None:
    """Return why somebody else may have written a file or folder; None where nobody could.

    A file that is executed must belong to this user or to root, and only its owner may write to
    it. On Windows the status does not say this, so everything is trusted.
    """
    if os.name == "nt":
        return None
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to another user (number {status.st_uid})"
    if status.st_mode & _WRITABLE_BY_OTHERS:
        return "can be written by users other than its owner"
    return None


def make_private_folder(parent: Path, name: str) -> Path:
    """Return a folder that only this user or root can write to; create it if needed.

    A folder of this user that others could write to is closed to them, so that nothing is added.

    Raises:
        PermissionError: it belongs to somebody else, or is open and cannot be closed.
        OSError: it cannot be created.
    """
    folder = parent / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.stat()
    is_open = bool(status.st_mode & _WRITABLE_BY_OTHERS)
    if os.name != "nt" and status.st_uid == os.geteuid() and is_open:
        folder.chmod(status.st_mode & 0o7755)
        status = folder.stat()
    reason = explain_distrust(status)
    if reason:
        raise PermissionError(
            f"{folder} {reason}; nothing in it is used. Remove it, or set GENSWEEP_CACHE to "
            "another folder"
        )
    return folder


def parse_json(content: bytes) -> Any:
    """Return the value of a JSON file that another program may have written.

    Raises:
        ValueError: not UTF-8, cut short, nested too deeply, or with a key twice; says which.
    """
    try:
        text = content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_make_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("not valid JSON (not UTF-8)") from None
    except json.JSONDecodeError:
        mark = (
            "starts with a byte order mark"
            if text.startswith("\ufeff")
            else "cut short?"
        )
        raise ValueError(f"not valid JSON ({mark})") from None


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs.

    Raises:
        ValueError: a key comes twice, so it is not clear which value counts.
    """
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    counts = Counter(key for key, _ in pairs)
    repeated = next(key for key, count in counts.items() if count > 1)
    raise ValueError(f"the key {repeated[:40]!r} comes twice")


def format_json(value: Any) -> str:
    """Return indented JSON, as files contain it; NaN is an error."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON by `write_atomic`."""
    write_atomic(path, format_json(value))


def convert_to_bytes(content: Content) -> bytes | memoryview:
    """Return in memory what `write_atomic` would write."""
    if isinstance(content, str):
        return content.encode()
    if not callable(content):
        return content
    file = io.BytesIO()
    content(file)
    return file.getbuffer()


@contextlib.contextmanager
def lock_file(path: Path) -> Generator[None]:
    """Lock ``path`` (created if absent) for one process at a time on a shared file system.

    Some file systems have no `flock`: Lustre without the option, some FUSE and network file
    systems. There, a second file next to ``path`` is the lock.

    Raises:
        NotRegularFileError: the path is a pipe or a device, or a link that leads to itself.
        OSError: the file can neither be created nor opened.
    """
    with contextlib.ExitStack() as stack:
        handle = open_regular(path, os.O_WRONLY | os.O_CREAT)
        file = stack.enter_context(open(handle, "wb", buffering=0))
        if not _flock(file.fileno()):
            file.close()  # some file systems cannot remove an open file
            stack.enter_context(lock_by_file(path))
        yield


def _flock(handle: int) -> bool:
    """Wait for an exclusive `flock`; return False if there is no such call."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True
