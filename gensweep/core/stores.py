"""A results root, wherever it lies: files by name, each whole or absent."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from gensweep.core.errors import ResultsError
from gensweep.core.redaction import redacted
from gensweep.core.storage import Content, as_json, locked, write_atomic

MIRRORS = "roots"
"""The folder of the cache for copies of roots elsewhere."""
SCHEMES = ("s3", "gs")
"""What a results root may begin with, before `://`."""
_TYPED = re.compile(rf"({'|'.join(SCHEMES)}):/?(?!/)", re.IGNORECASE)
"""A scheme without its two slashes."""
_ABSENT = (FileNotFoundError, NotADirectoryError)


class Entry(NamedTuple):
    """What is known of a file without reading it."""

    size: int
    mtime_ns: int


class Store:
    """A results root in a folder of this machine, or of a file system that other machines see as well.

    Names are relative to the root, with slashes: `points/<id>/record.json`.

    Attributes:
        place: the root as people write it, and as another process can open it.
        pause: seconds between two looks at it, where somebody waits for something.
        elsewhere: whether only copies of its files lie here.
        root: the folder in which the root's files lie here.
    """

    pause, elsewhere = 1.0, False

    def __init__(self, root: Path) -> None:
        self.place, self.root = str(root), root

    def told(self, name: str) -> str:
        """A file's place in words."""
        return f"{self.place}/{name}"

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError, NotADirectoryError: there is none.
            OSError: it cannot be read.
        """
        with open(f"{self.place}/{name}", "rb", buffering=0) as file:  # a third less time for a file that is read whole
            return file.read()

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | OSError]:
        """The content of each file, or why there is none."""
        for name in names:
            try:
                yield self.read(name)
            except OSError as error:
                yield error

    def write(self, name: str, content: Content) -> None:
        """Write a file so that a reader sees the old content or the new one; makes its folder.

        Raises:
            OSError: it cannot be written; the old content is still there.
        """
        path = self.root / name
        try:
            write_atomic(path, content)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)

    def write_json(self, name: str, value: Any) -> None:
        """`write` of indented JSON; NaN is refused."""
        self.write(name, as_json(value))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(*_ABSENT):
            os.unlink(self.root / name)

    def entries(self, folder: str) -> dict[str, Entry]:
        """The files that lie directly in a folder, by name; none where there is no folder."""
        found = {}
        with contextlib.suppress(*_ABSENT), os.scandir(self.root / folder) as listed:
            for entry in listed:
                with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                    if entry.is_file():
                        stat = entry.stat()
                        found[entry.name] = Entry(stat.st_size, stat.st_mtime_ns)
        return found

    def folders(self, folder: str) -> set[str]:
        """The folders that lie directly in a folder; files may be among them."""
        with contextlib.suppress(*_ABSENT):
            return set(os.listdir(self.root / folder))
        return set()

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.root / name).is_file()

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock among all that share the root, where it knows locks; its file is made, and its folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return locked(path)

    def tidy(self, folder: str) -> None:
        """Remove what writers that were killed left behind in a folder."""
        for left in (self.root / folder).glob(".*.tmp"):
            left.unlink(missing_ok=True)

    # --- a root elsewhere has copies of its files here; one that is here has nothing to do

    def snapshot(self, *folders: str) -> Store:
        """The root for somebody who reads much of these folders, as they are now."""
        return self

    def download(self, folder: str) -> Path:
        """Make everything in a folder, and below it, a file of this machine; returns where."""
        return self.root / folder

    def upload(self, folder: str, gone: Iterable[str] = ()) -> None:
        """Keep what has been written here in a folder, less the folders in it that are gone."""

    def discard(self, folder: str) -> None:
        """Forget the copies of a folder here."""


def open_store(place: str | Path, lasting: bool = True) -> Store:
    """The results root at a place, after a check that it can be used as far as nothing has to be asked.

    Args:
        place: a folder, or `s3://bucket/prefix`, `gs://bucket/prefix`.
        lasting: whether copies of a root elsewhere are kept in the cache, for the next call; else this process's end
            is theirs.

    Raises:
        ResultsError: it is a file, cannot be written, or is no place.
    """
    text = str(place)
    if not text:
        raise ResultsError("--results is empty; name a folder, or s3://bucket/prefix")
    scheme, colon, rest = _taken_apart(text)
    if colon and scheme != "file":
        from gensweep.core.remote import RemoteStore

        return RemoteStore.open(text, lasting)
    try:
        root = Path(unquote(rest) if colon else text).expanduser().absolute()
    except RuntimeError as error:
        raise ResultsError(f"--results {text}: {error}") from None
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    if not existing.is_dir():
        raise ResultsError(f"--results {text}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ResultsError(f"--results {text}: {existing} cannot be written to; name another folder")
    return Store(root)


def open_folder(place: str | Path) -> tuple[Store, str]:
    """The root and the name of one of its folders, such as a sweep's."""
    text = str(place)
    scheme, colon, rest = _taken_apart(text)
    if colon and scheme != "file":
        path, mark, query = rest.partition("?")
        parent, _, name = path.rstrip("/").rpartition("/")
        if not parent:
            raise ResultsError(f"{scheme}://{path} is a bucket, and no folder of a results root in it")
        return open_store(f"{scheme}://{parent}{mark}{query}"), name
    folder = Path(unquote(rest) if colon else text).expanduser().resolve()
    return Store(folder.parent), folder.name


def _taken_apart(place: str) -> tuple[str, str, str]:
    """Scheme, `://` and the rest; of a path the last two are empty.

    Raises:
        ResultsError: a slash of `://` is missing: it would be a folder here of that name.
    """
    if typed := _TYPED.match(place):
        meant, place = redacted(f"{typed[1].lower()}://{place[typed.end() :]}"), redacted(place)
        raise ResultsError(f"--results {place}: did you mean {meant}? ./{place} is the folder of that name")
    scheme, colon, rest = place.partition("://")
    return scheme, colon, rest


def told(place: str | Path) -> str:
    """A folder's place, however it was written."""
    store, name = open_folder(place)
    return store.told(name)


def check(store: Store) -> None:
    """Write a small file, read it, and remove it.

    Raises:
        ResultsError: that cannot be done here.
    """
    name, content = f".{os.urandom(6).hex()}.probe", os.urandom(16)
    with answering(store):
        store.write(name, content)
        found = store.read(name)
        store.remove(name)
    if found != content:
        raise ResultsError(f"--results {store.place} cannot be used: what was written is not what is read")


@contextlib.contextmanager
def answering(store: Store) -> Generator[None]:
    """Make a refusal of the store the user's to mend."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"--results {store.place} cannot be used: {error}") from error
