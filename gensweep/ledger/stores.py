"""A results root: files by name, each of them complete or absent."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from gensweep.core.errors import ResultsError
from gensweep.system.regular_files import MAX_FILE_BYTES, read_file
from gensweep.system.storage import (
    Content,
    format_json,
    lock_file,
    write_atomic,
)

MIRRORS_FOLDER = "roots"
"""The folder of the cache that holds local copies of remote roots."""
MAX_RECORD_BYTES = 1 << 24
"""The largest size of a record or a claim."""
ABANDONED_SECONDS = 60.0
"""An unlocked temporary file of this age belongs to a process that was killed."""
_ABSENT = (FileNotFoundError, NotADirectoryError)


class Entry(NamedTuple):
    """Size and time of the last change of a file, known without reading it."""

    size: int
    mtime_ns: int


class Store:
    """A results root in a folder of this machine or of a shared file system.

    Names are relative to the root, with slashes: `points/<id>/record.json`.

    Attributes:
        root_uri: the root as a path or a URI; another process can open it.
        root: the local folder of the root's files, or of their copies.
        is_remote: True if the local files are only copies.
        poll_seconds: the time between two looks at the root while waiting for a change.
    """

    poll_seconds = 1.0
    is_remote = False

    def __init__(self, root: Path) -> None:
        self.root_uri = str(root)
        self.root = root
        self._has_written = False

    def uri(self, name: str) -> str:
        """Return the path or the URI of a file, for messages."""
        return f"{self.root_uri}/{name}"

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return the content of a file.

        Args:
            name: the file.
            limit: the largest size in bytes.

        Raises:
            FileNotFoundError, NotADirectoryError: the file does not exist.
            NotRegularFileError: the file is a pipe or a device, or too large.
            OSError: it is a folder, or cannot be read.
        """
        return read_file(f"{self.root_uri}/{name}", limit)

    def read_all(
        self, names: Iterable[str], limit: int = MAX_FILE_BYTES
    ) -> Iterator[bytes | OSError]:
        """Yield the content of each file, or the error that reading it raised."""
        for name in names:
            try:
                yield self.read(name, limit)
            except OSError as error:
                yield error

    def write(self, name: str, content: Content) -> None:
        """Write a file and its folder; readers see either the old content or the new one.

        Raises:
            OSError: the file cannot be written; its old content is unchanged.
        """
        path = self.root / name
        try:
            write_atomic(path, content)
        except FileNotFoundError:
            self._make_folder(path.parent)
            write_atomic(path, content)
        self._has_written = True

    def allow_new_root(self) -> None:
        """Let the next write create the root again, after it was removed on purpose."""
        self._has_written = False

    def _make_folder(self, folder: Path) -> None:
        # A root that has disappeared was moved or deleted by a user: do not create it again.
        if self._has_written and not self.root.is_dir():
            message = "the results root is gone (moved, or deleted?)"
            raise FileNotFoundError(errno.ENOENT, message, self.root_uri)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            obstacle = next(
                path
                for path in (folder, *folder.parents)
                if os.path.lexists(path)
            )
            kind = "a file"
            if obstacle.is_symlink():
                kind = (
                    f"a link to {os.readlink(obstacle)}, which does not exist"
                )
            message = f"should be a folder, but is {kind}"
            raise NotADirectoryError(
                errno.ENOTDIR, message, str(obstacle)
            ) from None

    def write_json(self, name: str, value: Any) -> None:
        """Write a file of indented JSON; NaN is refused."""
        self.write(name, format_json(value))

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with contextlib.suppress(*_ABSENT):
            os.unlink(self.root / name)

    def list_files(self, folder: str) -> dict[str, Entry]:
        """Return the files directly in a folder by name; none if there is no folder."""
        files = {}
        with (
            contextlib.suppress(*_ABSENT),
            os.scandir(self.root / folder) as entries,
        ):
            for entry in entries:
                try:
                    if entry.is_file():
                        stat = entry.stat()
                        files[entry.name] = Entry(
                            stat.st_size, stat.st_mtime_ns
                        )
                except FileNotFoundError:
                    # Another process removed the file after it was listed.
                    pass
                except OSError as error:
                    # ELOOP: a link that leads to itself is no file.
                    if error.errno != errno.ELOOP:
                        raise
        return files

    def list_folders(self, folder: str) -> set[str]:
        """Return the names of the folders directly in a folder; files may be among them."""
        with contextlib.suppress(*_ABSENT):
            return set(os.listdir(self.root / folder))
        return set()

    def exists(self, name: str) -> bool:
        """Return True if the file exists."""
        return (self.root / name).is_file()

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock among all users of the root; create the lock's file and folder.

        Some file systems do not support locks; there it locks nothing.
        """
        path = self.root / name
        self._make_folder(path.parent)
        return lock_file(path)

    def remove_leftovers(self, folder: str, age: float = 0.0) -> None:
        """Remove temporary files of killed writers from a folder and its direct subfolders.

        Args:
            folder: the folder's name.
            age: remove only files that are this many seconds older than the newest file, by the
                clock of the file system; 0 if a lock keeps other writers away.
        """
        path = self.root / folder
        leftovers = [*path.glob(".*.tmp"), *path.glob("*/.*.tmp")]
        if not leftovers:
            return
        newest = max(
            (_modified_at(file) for file in path.iterdir()), default=0.0
        )
        for file in leftovers:
            if not age or newest - _modified_at(file) > age:
                file.unlink(missing_ok=True)

    # The methods below copy files of a remote root to this machine and back. A local root has
    # nothing to copy.

    def snapshot(self, *folders: str) -> Store:
        """Return a view of these folders for a caller that reads many of their files."""
        return self

    def download(self, folder: str) -> Path:
        """Copy all files below a folder to this machine; return the local folder."""
        return self.root / folder

    def upload(self, folder: str, gone: Iterable[str] = ()) -> None:
        """Copy local changes in a folder to the root.

        Args:
            folder: the folder's name.
            gone: folders directly in it that were removed locally.
        """

    def discard(self, folder: str) -> None:
        """Delete the local copies of a folder."""


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        # Another process removed the file after it was listed.
        return 0.0


@contextlib.contextmanager
def as_results_error(store: Store) -> Generator[None]:
    """Raise errors of the store as a ResultsError that names the root."""
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"--results {store.root_uri} cannot be used: {error}"
        ) from error
