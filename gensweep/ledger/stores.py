"""A results root, wherever it lies: files by name, each whole or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from gensweep.core.errors import ResultsError, Unavailable
from gensweep.system.redaction import redacted
from gensweep.system.storage import LARGEST, Content, as_json, locked, read_file, write_atomic

MIRRORS_FOLDER = "roots"
"""The folder of the cache for copies of roots elsewhere."""
SCHEMES = ("s3", "gs")
"""What a results root may begin with, before `://`."""
MAX_RECORD_BYTES = 1 << 24
"""Bytes of a record or a claim at most."""
ABANDONED_SECONDS = 60.0
"""Seconds after which a temporary file that nobody locks is one of a process that was killed."""
_LONG = 100
"""Characters of the longest names that a run gives to files, about."""
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
        root_uri: the root as people write it, and as another process can open it.
        poll_seconds: seconds between two looks at it, where somebody waits for something.
        is_remote: whether only copies of its files lie here.
        root: the folder in which the root's files lie here.
    """

    poll_seconds, is_remote = 1.0, False

    def __init__(self, root: Path) -> None:
        self.root_uri, self.root = str(root), root
        self._was_there = False

    def uri(self, name: str) -> str:
        """A file's place in words."""
        return f"{self.root_uri}/{name}"

    def read(self, name: str, limit: int = LARGEST) -> bytes:
        """A file's content.

        Args:
            name: the file's.
            limit: the most bytes that it may have.

        Raises:
            FileNotFoundError, NotADirectoryError: there is none.
            NotRegular: it is a pipe or a device, or too large.
            OSError: it is a folder, or cannot be read.
        """
        return read_file(f"{self.root_uri}/{name}", limit)

    def read_all(self, names: Iterable[str], limit: int = LARGEST) -> Iterator[bytes | OSError]:
        """The content of each file, or why there is none."""
        for name in names:
            try:
                yield self.read(name, limit)
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
            self._make_folder(path.parent)
            write_atomic(path, content)
        self._was_there = True

    def allow_new_root(self) -> None:
        """Let the next write make the root again: it was removed on purpose."""
        self._was_there = False

    def _make_folder(self, folder: Path) -> None:
        """Make a folder of the root; the root itself only once: later on, it was moved or deleted."""
        if self._was_there and not self.root.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "the results root is gone (moved, or deleted?)", self.root_uri
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
            what = (
                f"a link to {os.readlink(there)}, which is not there"
                if there.is_symlink()
                else "a file"
            )
            raise NotADirectoryError(
                errno.ENOTDIR, f"{what}, and should be a folder", str(there)
            ) from None

    def write_json(self, name: str, value: Any) -> None:
        """`write` of indented JSON; NaN is refused."""
        self.write(name, as_json(value))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(*_ABSENT):
            os.unlink(self.root / name)

    def list_files(self, folder: str) -> dict[str, Entry]:
        """The files that lie directly in a folder, by name; none where there is no folder."""
        found = {}
        with contextlib.suppress(*_ABSENT), os.scandir(self.root / folder) as listed:
            for entry in listed:
                try:
                    if entry.is_file():
                        stat = entry.stat()
                        found[entry.name] = Entry(stat.st_size, stat.st_mtime_ns)
                except FileNotFoundError:  # gone since it was listed
                    pass
                except OSError as error:
                    if error.errno != errno.ELOOP:  # a link that leads to itself
                        raise
        return found

    def list_folders(self, folder: str) -> set[str]:
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
        self._make_folder(path.parent)
        return locked(path)

    def remove_leftovers(self, folder: str, age: float = 0.0) -> None:
        """Remove what writers that were killed left behind in a folder, and in the folders directly in it.

        Args:
            folder: the folder's name.
            age: seconds that a file has to be older than the newest file there, by the file system's own clock;
                0 where a lock keeps other writers away.
        """
        place = self.root / folder
        left = [path for pattern in ("", "*/") for path in place.glob(f"{pattern}.*.tmp")]
        newest = max((_changed(path) for path in place.iterdir()), default=0.0) if left else 0.0
        for path in left:
            if not age or newest - _changed(path) > age:
                path.unlink(missing_ok=True)

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


def _changed(path: Path) -> float:
    """When a file was changed last; 0 where it has gone since it was listed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def open_store(place: str | Path, persistent: bool = True) -> Store:
    """The results root at a place, after a check that it can be used as far as nothing has to be asked.

    Args:
        place: a folder, or `s3://bucket/prefix`, `gs://bucket/prefix`.
        persistent: whether copies of a root elsewhere are kept in the cache, for the next call; else this process's end
            is theirs.

    Raises:
        ResultsError: it is a file, or is no place.
    """
    text = str(place)
    if not text:
        raise ResultsError("--results is empty; name a folder, or s3://bucket/prefix")
    scheme, colon, rest = _taken_apart(text)
    if colon and scheme != "file":
        from gensweep.ledger.remote_stores import RemoteStore

        return RemoteStore.open(text, persistent)
    try:
        root = Path(unquote(rest) if colon else text).expanduser().absolute()
    except RuntimeError as error:
        raise ResultsError(f"--results {text}: {error}") from None
    existing = _existing(root)
    if not existing.is_dir():
        raise ResultsError(f"--results {text}: {existing} is a file, not a folder")
    return Store(root)


def require_writable(store: Store) -> None:
    """Make sure, without a change of anything, that a root in a folder seems to be one that can be written.

    Raises:
        ResultsError: it cannot be written.
    """
    if not store.is_remote and not os.access(existing := _existing(store.root), os.W_OK | os.X_OK):
        raise ResultsError(
            f"--results {store.root_uri}: {existing} cannot be written to; name another folder"
        )


def _existing(root: Path) -> Path:
    """A folder, or the first one above it that is there."""
    return next(folder for folder in (root, *root.parents) if folder.exists())


def open_folder(place: str | Path) -> tuple[Store, str]:
    """The root and the name of one of its folders, such as a sweep's."""
    text = str(place)
    scheme, colon, rest = _taken_apart(text)
    if colon and scheme != "file":
        path, mark, query = rest.partition("?")
        parent, _, name = path.rstrip("/").rpartition("/")
        if not parent:
            raise ResultsError(
                f"{scheme}://{path} is a bucket, and no folder of a results root in it"
            )
        return open_store(f"{scheme}://{parent}{mark}{query}"), name
    folder = Path(
        os.path.realpath(os.path.expanduser(unquote(rest) if colon else text))
    )  # links may lead in a circle
    return Store(folder.parent), folder.name


def _taken_apart(place: str) -> tuple[str, str, str]:
    """Scheme, `://` and the rest; of a path the last two are empty.

    Raises:
        ResultsError: a slash of `://` is missing: it would be a folder here of that name.
    """
    if typed := _TYPED.match(place):
        meant, place = redacted(f"{typed[1].lower()}://{place[typed.end() :]}"), redacted(place)
        raise ResultsError(
            f"--results {place}: did you mean {meant}? ./{place} is the folder of that name"
        )
    scheme, colon, rest = place.partition("://")
    return scheme, colon, rest


def canonical_uri(place: str | Path) -> str:
    """A folder's place, however it was written."""
    store, name = open_folder(place)
    return store.uri(name)


def check(store: Store, *folders: str) -> None:
    """Do to a root whatever a run does to it, and leave nothing behind.

    Args:
        store: the root.
        folders: folders of it that are written to as well; one that is not there is not made.

    Raises:
        ResultsError: something cannot be done here; the message says what.
    """
    with as_results_error(store):
        try_out(store)
        for folder in folders:
            if not store.is_remote and (store.root / folder).is_dir():
                _try_files(store, f"{folder}/")


def try_out(store: Store) -> None:
    """Write, replace, lock, read and remove a file of a root, by the calls that a run makes.

    Raises:
        OSError: the root refuses one of them; the message says which.
    """
    if store.is_remote:
        _try_files(store, "")
        return
    name = _try_files(store, "")
    with _trying("lock a file"):
        with store.lock(name):
            pass
        store.remove(name)


def _try_files(store: Store, folder: str) -> str:
    """Write a file twice, the second time while somebody reads it, and remove it; returns the name that it had."""
    name, content = f"{folder}.{os.urandom(6).hex()}", os.urandom(16)
    name += "-" * (_LONG - len(".probe") - len(name.rpartition("/")[2])) + ".probe"
    with _trying("write a file"):
        store.write(name, content)
    try:
        if not store.is_remote:
            content = content[::-1]
            with _trying("replace a file that is open"), open(store.root / name, "rb"):
                store.write(name, content)
        with _trying("read what was written"):
            found = store.read(name)
    finally:
        with _trying("remove a file"):
            store.remove(name)
    if found != content:
        raise OSError("what was written is not what is read")
    return name


@contextlib.contextmanager
def _trying(what: str) -> Generator[None]:
    """Say of a refusal what was tried. A bucket says enough, and a full disk is no fault of the file system's."""
    try:
        yield
    except Unavailable:
        raise
    except OSError as error:
        raise OSError(
            error.errno, f"cannot {what}: {error.strerror or error}", error.filename
        ) from error


@contextlib.contextmanager
def as_results_error(store: Store) -> Generator[None]:
    """Make a refusal of the store the user's to mend."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"--results {store.root_uri} cannot be used: {error}") from error
