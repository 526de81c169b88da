"""Files that are whole or absent: every write goes to a temporary file beside the target and is renamed."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO

from gensweep.core.errors import ResultsError

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


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of indented JSON; NaN is refused."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def results_root(results: str | Path) -> Path:
    """The results folder as an absolute path, after checking that it can be used.

    Raises:
        ResultsError: a URI, a file, or a folder that cannot be written.
    """
    text = str(results)
    if not text:
        raise ResultsError("--results is empty; name a folder")
    if "://" in text:
        raise ResultsError(f"--results {text}: only folders on a file system are supported, not URIs")
    try:
        root = Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ResultsError(f"--results {text}: {error}") from None
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    if not existing.is_dir():
        raise ResultsError(f"--results {text}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ResultsError(f"--results {text}: {existing} cannot be written to; name another folder")
    return root


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold an exclusive lock on ``path`` (created if absent) among the processes that share the file system."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
