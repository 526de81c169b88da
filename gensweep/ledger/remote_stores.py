"""A results root in an object store: S3 and what speaks its protocol, or Google Cloud Storage, through pyarrow.

One put writes a file (a large one comes in parts, and is there when the last one is), so it is whole or absent there
as well. There are no locks: a claim says who trains a
point, and whoever finds it taken over stops; two that claim in the same moment train an epoch twice, at worst.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from gensweep.core.errors import Unavailable
from gensweep.ledger.buckets import THREADS, explain_error, parse_bucket_uri
from gensweep.ledger.stores import MIRRORS_FOLDER, Entry, Store
from gensweep.system.scratch import make_scratch
from gensweep.system.storage import LARGEST, Content, NotRegular, as_bytes, write_atomic

if TYPE_CHECKING:
    from pyarrow import fs

_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
SETTLED_NS = 60 * 10**9
"""Nanoseconds after which a time of change tells two contents of one size apart: stores count in seconds, by a clock
of their own."""


class RemoteStore(Store):
    """A results root in an object store.

    Args:
        place: its URI.
        files: the file system that pyarrow has for it.
        base: bucket and prefix in it.
        copies: the folder for copies of its files on this machine.
    """

    poll_seconds, is_remote = 10.0, True

    def __init__(self, place: str, files: fs.FileSystem, base: str, copies: Path) -> None:
        super().__init__(copies)
        self.root_uri, self._fs, self._base = place, files, base

    @classmethod
    def open(cls, place: str, persistent: bool) -> RemoteStore:
        """The root at a URI; as `open_store`."""
        bucket = parse_bucket_uri(place)
        if persistent:
            bucket.check()
        return cls(
            bucket.uri,
            bucket.connect(),
            bucket.base,
            _mirror(bucket.uri) if persistent else _passing(),
        )

    def uri(self, name: str) -> str:
        root, _, query = self.root_uri.partition("?")
        return f"{root}/{name}" + (f"?{query}" if query else "")

    def read(self, name: str, limit: int = LARGEST) -> bytes:
        with self._explained(name):
            for pause in _PAUSES:
                try:
                    return self._get(name, limit)
                except (
                    OSError
                ) as error:  # which pyarrow says of any refusal that is longer than the file
                    if "INTERNAL_FAILURE" not in str(error):
                        raise
                time.sleep(pause)
            return self._get(name, limit)

    def _get(self, name: str, limit: int) -> bytes:
        with self._fs.open_input_file(self._key(name)) as file:
            if (size := file.size()) > limit:
                raise NotRegular(
                    errno.EFBIG, f"too large: {size:,} bytes, {limit:,} at most", self.uri(name)
                )
            return file.read()

    def read_all(self, names: Iterable[str], limit: int = LARGEST) -> Iterator[bytes | OSError]:
        def one(name: str) -> bytes | OSError:
            try:
                return self.read(name, limit)
            except OSError as error:
                return error

        with ThreadPoolExecutor(THREADS) as pool:
            yield from pool.map(one, names)

    def write(self, name: str, content: Content) -> None:
        data = as_bytes(content)
        with self._explained(name), self._fs.open_output_stream(self._key(name)) as file:
            file.write(data)
        copy = self.root / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, bytes(data))

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError), self._explained(name):
            self._fs.delete_file(self._key(name))

    def list_files(self, folder: str) -> dict[str, Entry]:
        return {
            name: entry for name, entry in self._listed(folder, False).items() if "/" not in name
        }

    def list_folders(self, folder: str) -> set[str]:
        from pyarrow.fs import FileType

        found = {
            info.base_name for info in self._infos(folder, False) if info.type == FileType.Directory
        }
        if found:
            return found
        return {
            name.partition("/")[0] for name in self._listed(folder, True) if "/" in name
        }  # Google's shows none

    def exists(self, name: str) -> bool:
        from pyarrow.fs import FileType

        with self._explained(name):
            return self._fs.get_file_info(self._key(name)).type == FileType.File

    def lock(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def remove_leftovers(self, folder: str, age: float = 0.0) -> None:
        """Nothing to do: what was not written whole is not there."""

    def snapshot(self, *folders: str) -> Store:
        return Snapshot(self, {folder: self._listed(folder, True) for folder in folders})

    def download(self, folder: str) -> Path:
        listed = self._listed(folder, True)
        there, names = Snapshot(self, {folder: listed}), [f"{folder}/{name}" for name in listed]
        for name, found in zip(names, there.read_all(names, sys.maxsize), strict=True):
            if isinstance(found, OSError) and not isinstance(found, FileNotFoundError):
                raise found
            if isinstance(found, FileNotFoundError):
                (self.root / name).unlink(missing_ok=True)
        for path in _files(self.root / folder):
            if path.relative_to(self.root / folder).as_posix() not in listed:
                path.unlink()
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        return self.root / folder

    def upload(self, folder: str, gone: Iterable[str] = ()) -> None:
        there, left = self._listed(folder, True), set(gone)
        for path in _files(self.root / folder):
            name = path.relative_to(self.root / folder).as_posix()
            if not _is_copy(path, there.get(name)):
                self.write(f"{folder}/{name}", path.read_bytes())
        for name in there:
            if name.partition("/")[0] in left:
                self.remove(f"{folder}/{name}")

    def discard(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)

    def _key(self, name: str) -> str:
        return f"{self._base}/{name}" if name else self._base

    def _infos(self, folder: str, deep: bool) -> list[fs.FileInfo]:
        from pyarrow.fs import FileSelector

        with self._explained(folder):
            return self._fs.get_file_info(
                FileSelector(self._key(folder), allow_not_found=True, recursive=deep)
            )

    def _listed(self, folder: str, deep: bool) -> dict[str, Entry]:
        """Every file in a folder, by its name relative to it."""
        start = len(self._key(folder)) + 1
        infos = self._infos(folder, deep)
        found = {
            info.path[start:]: Entry(info.size, info.mtime_ns or 0)
            for info in infos
            if info.is_file
        }
        for name in found:
            if {"", ".", ".."} & set(
                name.split("/")
            ) or "\\" in name:  # whose copy would lie elsewhere
                raise Unavailable(
                    f"{self.uri(folder)}: {name!r} is no name of a file of results; remove it"
                )
        return found

    @contextlib.contextmanager
    def _explained(self, name: str) -> Generator[None]:
        """Say of an error which file it is about, and what to do."""
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(f"{self.uri(name)}: there is no such file") from None
        except NotRegular:
            raise
        except OSError as error:
            raise Unavailable(f"{self.uri(name)}: {explain_error(error)}") from error


class Snapshot(RemoteStore):
    """An object store's folders as they were when they were listed; a file is fetched when it is first read.

    Copies are kept from one call to the next, and are good as long as size and time of change are those of the listing.
    """

    def __init__(self, store: RemoteStore, listed: dict[str, dict[str, Entry]]) -> None:
        super().__init__(store.root_uri, store._fs, store._base, store.root)
        self._known: dict[str, dict[str, Entry]] = {}
        self._inner: dict[str, set[str]] = {}
        for folder, entries in listed.items():
            for name, entry in entries.items():
                parent, _, last = f"{folder}/{name}".rpartition("/")
                self._known.setdefault(parent, {})[last] = entry
        for name in self._known:
            while name:
                parent, _, last = name.rpartition("/")
                self._inner.setdefault(parent, set()).add(last)
                name = parent

    def snapshot(self, *folders: str) -> Store:
        return self

    def read(self, name: str, limit: int = LARGEST) -> bytes:
        entry, copy = self._entry(name), self.root / name
        if entry is None:
            raise FileNotFoundError(f"{self.uri(name)}: there is no such file")
        if _is_copy(copy, entry):
            return copy.read_bytes()
        content = super().read(name, limit)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, content)
        os.utime(copy, ns=(entry.mtime_ns, entry.mtime_ns))
        return content

    def list_files(self, folder: str) -> dict[str, Entry]:
        return self._known.get(folder, {})

    def list_folders(self, folder: str) -> set[str]:
        return self._inner.get(folder, set())

    def exists(self, name: str) -> bool:
        return self._entry(name) is not None

    def _listed(self, folder: str, deep: bool) -> dict[str, Entry]:
        found = dict(self.list_files(folder))
        if deep:
            for name in self.list_folders(folder):
                below = self._listed(f"{folder}/{name}", True)
                found |= {f"{name}/{inner}": entry for inner, entry in below.items()}
        return found

    def _entry(self, name: str) -> Entry | None:
        folder, _, last = name.rpartition("/")
        return self._known.get(folder, {}).get(last)


def _is_copy(path: Path, entry: Entry | None) -> bool:
    """Whether a file here is what the store has; one that was fetched too soon after a change may not be."""
    if entry is None:
        return False
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    same = (stat.st_size, stat.st_mtime_ns) == entry
    return same and stat.st_ctime_ns - entry.mtime_ns > SETTLED_NS


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".tmp")
    ]


def _mirror(place: str) -> Path:
    from gensweep.system.cache_dir import cache_root

    digest = hashlib.sha256(place.encode()).hexdigest()
    return cache_root() / MIRRORS_FOLDER / f"{quote(place, safe='')[:80]}-{digest[:12]}"


def _passing() -> Path:
    """A folder that ends with this process."""
    folder = make_scratch()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
