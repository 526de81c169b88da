"""A results root in an object store: S3 and compatible servers, or Google Cloud Storage.

One put writes a file; a large one is sent in parts, and appears when the last part has arrived. So
a file is complete or absent here as well. There are no locks: a claim says who trains a point, and
whoever notices that its claim was replaced stops. At worst, two processes that claim a point at the
same moment train one epoch twice.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import StoreError
from gensweep.ledger.buckets import THREADS, explain_error, parse_bucket_uri
from gensweep.ledger.mirror import (
    find_mirror,
    is_current_copy,
    list_copies,
    make_temporary_mirror,
)
from gensweep.ledger.stores import Entry, Store
from gensweep.system.regular_files import MAX_FILE_BYTES, NotRegularFileError
from gensweep.system.storage import Content, convert_to_bytes, write_atomic

if TYPE_CHECKING:
    from pyarrow import fs

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before a read that the server refused is tried again."""
_GONE = "RESOURCE_NOT_FOUND"
"""pyarrow's word for a file that is removed between the request for its size and the one for it."""


class RemoteStore(Store):
    """A results root in an object store.

    Args:
        uri: the root's URI.
        files: pyarrow's file system for it.
        base: the bucket and the prefix in it.
        copies: the local folder for copies of its files.
    """

    poll_seconds = 10.0
    is_remote = True

    def __init__(
        self, uri: str, files: fs.FileSystem, base: str, copies: Path
    ) -> None:
        super().__init__(copies)
        self.root_uri = uri
        self._fs = files
        self._base = base

    @classmethod
    def open(cls, uri: str, persistent: bool) -> RemoteStore:
        """Open the root at a URI; arguments and errors as in `open_store`."""
        bucket = parse_bucket_uri(uri)
        if persistent:
            bucket.check()
        files = bucket.connect()
        copies = (
            find_mirror(bucket.uri) if persistent else make_temporary_mirror()
        )
        return cls(bucket.uri, files, bucket.base, copies)

    def uri(self, name: str) -> str:
        root, _, query = self.root_uri.partition("?")
        suffix = f"?{query}" if query else ""
        return f"{root}/{name}{suffix}"

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        with self._explaining(name):
            for pause in RETRY_SECONDS:
                try:
                    return self._get(name, limit)
                except OSError as error:
                    # pyarrow reports this code for any refusal that is longer than the file.
                    if "INTERNAL_FAILURE" not in str(error):
                        raise
                time.sleep(pause)
            return self._get(name, limit)

    def _get(self, name: str, limit: int) -> bytes:
        with self._fs.open_input_file(self._key(name)) as file:
            size = file.size()
            if size > limit:
                message = f"too large: {size:,} bytes, at most {limit:,} are allowed"
                raise NotRegularFileError(
                    errno.EFBIG, message, self.uri(name)
                )
            return file.read()

    def read_all(
        self, names: Iterable[str], limit: int = MAX_FILE_BYTES
    ) -> Iterator[bytes | OSError]:
        def read_one(name: str) -> bytes | OSError:
            try:
                return self.read(name, limit)
            except OSError as error:
                return error

        with ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(read_one, names)

    def write(self, name: str, content: Content) -> None:
        data = convert_to_bytes(content)
        with (
            self._explaining(name),
            self._fs.open_output_stream(self._key(name)) as file,
        ):
            file.write(data)
        copy = self.root / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, bytes(data))

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError), self._explaining(name):
            self._fs.delete_file(self._key(name))

    def list_files(self, folder: str) -> dict[str, Entry]:
        files = self._list(folder, False)
        return {
            name: entry for name, entry in files.items() if "/" not in name
        }

    def list_folders(self, folder: str) -> set[str]:
        from pyarrow.fs import FileType

        infos = self._infos(folder, False)
        folders = {
            info.base_name
            for info in infos
            if info.type == FileType.Directory
        }
        if folders:
            return folders
        # Google's store lists no folders: take them from the names of the files below.
        names = self._list(folder, True)
        return {name.partition("/")[0] for name in names if "/" in name}

    def exists(self, name: str) -> bool:
        from pyarrow.fs import FileType

        with self._explaining(name):
            return (
                self._fs.get_file_info(self._key(name)).type == FileType.File
            )

    def lock(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def remove_leftovers(self, folder: str, age: float = 0.0) -> None:
        """Do nothing: a file that was not written completely does not exist."""

    def snapshot(self, *folders: str) -> Store:
        from gensweep.ledger.snapshots import Snapshot

        listing = {folder: self._list(folder, True) for folder in folders}
        return Snapshot(self, listing)

    def download(self, folder: str) -> Path:
        from gensweep.ledger.snapshots import Snapshot

        files = self._list(folder, True)
        snapshot = Snapshot(self, {folder: files})
        names = [f"{folder}/{name}" for name in files]
        contents = snapshot.read_all(names, sys.maxsize)
        for name, content in zip(names, contents, strict=True):
            if isinstance(content, FileNotFoundError):
                # Somebody removed the file after it was listed.
                (self.root / name).unlink(missing_ok=True)
            elif isinstance(content, OSError):
                raise content
        local_folder = self.root / folder
        for path in list_copies(local_folder):
            if path.relative_to(local_folder).as_posix() not in files:
                path.unlink()
        local_folder.mkdir(parents=True, exist_ok=True)
        return local_folder

    def upload(self, folder: str, gone: Iterable[str] = ()) -> None:
        stored = self._list(folder, True)
        local_folder = self.root / folder
        for path in list_copies(local_folder):
            name = path.relative_to(local_folder).as_posix()
            if not is_current_copy(path, stored.get(name)):
                self.write(f"{folder}/{name}", path.read_bytes())
        removed = set(gone)
        for name in stored:
            if name.partition("/")[0] in removed:
                self.remove(f"{folder}/{name}")

    def discard(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)

    def _key(self, name: str) -> str:
        return f"{self._base}/{name}" if name else self._base

    def _infos(self, folder: str, deep: bool) -> list[fs.FileInfo]:
        from pyarrow.fs import FileSelector

        selector = FileSelector(
            self._key(folder), allow_not_found=True, recursive=deep
        )
        with self._explaining(folder):
            return self._fs.get_file_info(selector)

    def _list(self, folder: str, deep: bool) -> dict[str, Entry]:
        """Return the files in a folder by their names relative to it."""
        start = len(self._key(folder)) + 1
        files = {}
        for info in self._infos(folder, deep):
            if info.is_file:
                files[info.path[start:]] = Entry(
                    info.size, info.mtime_ns or 0
                )
        for name in files:
            # The local copy of such a file could be written outside of its folder.
            if {"", ".", ".."} & set(name.split("/")) or "\\" in name:
                raise StoreError(
                    f"{self.uri(folder)}: {name!r} is not a valid name for a results file; "
                    "remove it"
                )
        return files

    @contextlib.contextmanager
    def _explaining(self, name: str) -> Generator[None]:
        """Add to an error which file it is about, and what to do."""
        try:
            yield
        except NotRegularFileError:
            raise
        except OSError as error:
            # Somebody may remove a file after it is opened and before it is read.
            if isinstance(error, FileNotFoundError) or _GONE in str(error):
                raise FileNotFoundError(
                    f"{self.uri(name)}: there is no such file"
                ) from None
            raise StoreError(
                f"{self.uri(name)}: {explain_error(error)}"
            ) from error
