"""Check that a results root can do all that a run asks of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator

from gensweep.core.errors import ResultsError, StoreError
from gensweep.ledger.obstacles import find_folder_in_place_of_file
from gensweep.ledger.open_store import find_existing_folder
from gensweep.ledger.point_files import POINTS
from gensweep.ledger.stores import Store, as_results_error
from gensweep.prepare.contact_sheet import DATASETS_FOLDER

SWEEP_FOLDERS = ("", "/tables", "/figures", f"/{DATASETS_FOLDER}")
"""Folders of a sweep that a run writes to; another user may own some of them."""
_LONG_NAME_CHARACTERS = 100
"""About the length of the longest file names of a run."""


def check_store(store: Store, *folders: str) -> None:
    """Try every operation of a run on a root, and leave no file behind.

    Args:
        store: the root.
        folders: folders of the root that a run writes to as well; a missing one is not created.

    Raises:
        ResultsError: an operation fails; the message says which.
    """
    check_folders(store, *folders)
    with as_results_error(store):
        try_store(store)
        for folder in folders:
            if not store.is_remote and (store.root / folder).is_dir():
                _try_files(store, f"{folder}/")


def list_folders(sweep: str) -> list[str]:
    """Return the folders of a root that a run of a sweep writes to."""
    return [POINTS, *(f"{sweep}{folder}" for folder in SWEEP_FOLDERS)]


def check_folders(store: Store, *folders: str) -> None:
    """Check, without changing anything, that nothing stands where a run needs a folder or a file.

    Raises:
        ResultsError: a folder of the root is a file, or a link to nothing; or a file is a folder.
    """
    if store.is_remote:
        return
    for folder in folders:
        path = store.root / folder
        if os.path.lexists(path) and not path.is_dir():
            raise ResultsError(
                f"{path} should be a folder, but is not one; move it to another place"
            )
        # The folder of all points may have many thousands, and each is checked when it is claimed.
        obstacle = None
        if folder != POINTS:
            with as_results_error(store):
                obstacle = find_folder_in_place_of_file(path)
        if obstacle is not None:
            raise ResultsError(
                f"{obstacle} should be a file, but is a folder; move it to another place"
            )


def try_store(store: Store) -> None:
    """Write, replace, lock, read and remove a file of a root with the calls that a run makes.

    Raises:
        OSError: the root refuses an operation; the message says which.
    """
    name = _try_files(store, "")
    if store.is_remote:
        return
    with _naming_step("lock a file"):
        with store.lock(name):
            pass
        store.remove(name)


def _try_files(store: Store, folder: str) -> str:
    """Write, replace, read and remove a file.

    Returns:
        The name of the removed file.
    """
    name = _make_long_name(folder)
    content = os.urandom(16)
    with _naming_step("write a file"):
        store.write(name, content)
    try:
        if not store.is_remote:
            content = content[::-1]
            # Some file systems refuse to replace a file while somebody reads it.
            with (
                _naming_step("replace a file that is open"),
                open(store.root / name, "rb"),
            ):
                store.write(name, content)
        with _naming_step("read what was written"):
            stored = store.read(name)
    finally:
        with _naming_step("remove a file"):
            store.remove(name)
    if stored != content:
        raise OSError("reading a file returns other content than was written")
    return name


def _make_long_name(folder: str) -> str:
    """Return a new name as long as a run's longest: some file systems limit the length."""
    stem = f".{os.urandom(6).hex()}"
    padding = "-" * (_LONG_NAME_CHARACTERS - len(".probe") - len(stem))
    return f"{folder}{stem}{padding}.probe"


@contextlib.contextmanager
def _naming_step(step: str) -> Generator[None]:
    """Add to an error which step failed."""
    try:
        yield
    except StoreError as error:
        # An account may be allowed to write and not to remove.
        named = StoreError(f"cannot {step}: {error}")
        named.errno = error.errno
        raise named from error
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            error.errno, f"cannot {step}: {reason}", error.filename
        ) from error


def require_writable(store: Store) -> None:
    """Check, without changing anything, that a local root seems to be writable.

    Raises:
        ResultsError: it is not.
    """
    if store.is_remote:
        return
    existing = find_existing_folder(store.root)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ResultsError(
            f"--results {store.root_uri}: {existing} cannot be written to; name another folder"
        )
