"""Folders of an object store, listed once and then read without further listings."""

from __future__ import annotations

import os

from gensweep.ledger.mirror import is_current_copy
from gensweep.ledger.remote_stores import RemoteStore
from gensweep.ledger.stores import Entry, Store
from gensweep.system.regular_files import MAX_FILE_BYTES
from gensweep.system.storage import write_atomic


class Snapshot(RemoteStore):
    """Folders of an object store as they were when listed; files are fetched when first read.

    Copies are kept for the next call. A copy is valid as long as its size and the time of its
    last change are those of the listing.
    """

    def __init__(
        self, store: RemoteStore, listing: dict[str, dict[str, Entry]]
    ) -> None:
        super().__init__(store.root_uri, store._fs, store._base, store.root)
        self._files: dict[str, dict[str, Entry]] = {}
        self._folders: dict[str, set[str]] = {}
        for folder, entries in listing.items():
            for name, entry in entries.items():
                path = f"{folder}/{name}"
                parent, _, base_name = path.rpartition("/")
                files = self._files.setdefault(parent, {})
                files[base_name] = entry
        # Object stores have no folders of their own: each file implies all folders above it.
        for name in self._files:
            while name:
                parent, _, base_name = name.rpartition("/")
                folders = self._folders.setdefault(parent, set())
                folders.add(base_name)
                name = parent

    def snapshot(self, *folders: str) -> Store:
        return self

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        entry = self._entry(name)
        if entry is None:
            raise FileNotFoundError(
                f"{self.uri(name)}: there is no such file"
            )
        copy = self.root / name
        if is_current_copy(copy, entry):
            return copy.read_bytes()
        content = super().read(name, limit)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, content)
        os.utime(copy, ns=(entry.mtime_ns, entry.mtime_ns))
        return content

    def list_files(self, folder: str) -> dict[str, Entry]:
        return self._files.get(folder, {})

    def list_folders(self, folder: str) -> set[str]:
        return self._folders.get(folder, set())

    def exists(self, name: str) -> bool:
        return self._entry(name) is not None

    def _list(self, folder: str, deep: bool) -> dict[str, Entry]:
        files = dict(self.list_files(folder))
        if deep:
            for subfolder in self.list_folders(folder):
                below = self._list(f"{folder}/{subfolder}", True)
                for name, entry in below.items():
                    files[f"{subfolder}/{name}"] = entry
        return files

    def _entry(self, name: str) -> Entry | None:
        folder, _, base_name = name.rpartition("/")
        return self._files.get(folder, {}).get(base_name)
