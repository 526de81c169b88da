"""Open a results root from what a user typed: a path, a file:// URI or a bucket's URI."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from gensweep.core.errors import ResultsError
from gensweep.core.values import show_value
from gensweep.ledger.buckets import SCHEMES
from gensweep.ledger.stores import Store
from gensweep.system.redaction import redact_secrets

_MISTYPED_SCHEME = re.compile(
    rf"({'|'.join(SCHEMES)}):/?(?!/)", re.IGNORECASE
)
"""A bucket's scheme without its two slashes."""


def open_store(location: str | Path, persistent: bool = True) -> Store:
    """Open a results root; check only what needs no request to a server.

    Args:
        location: a folder, or `s3://bucket/prefix`, `gs://bucket/prefix`.
        persistent: keep local copies of a remote root in the cache for the next call; otherwise
            they are deleted when this process ends.

    Raises:
        ResultsError: the location is a file, or no valid root.
    """
    text = str(location)
    if not text:
        raise ResultsError(
            "--results is empty; name a folder, or s3://bucket/prefix"
        )
    scheme, separator, rest = _split_scheme(text)
    if separator and scheme != "file":
        # A local root must not pay for the import of pyarrow.
        from gensweep.ledger.remote_stores import RemoteStore

        return RemoteStore.open(text, persistent)
    path = unquote(rest) if separator else text
    _check_path(path)
    try:
        root = Path(path).expanduser().absolute()
        existing = find_existing_folder(root)
        is_folder = existing.is_dir()
    except RuntimeError as error:
        raise ResultsError(f"--results {text}: {error}") from None
    except OSError as error:
        # For example, the name is too long.
        shown = show_value(text)
        raise ResultsError(f"--results {shown}: {error.strerror}") from None
    if not is_folder:
        raise ResultsError(
            f"--results {text}: {existing} is a file, not a folder"
        )
    return Store(root)


def open_folder(location: str | Path) -> tuple[Store, str]:
    """Open one folder of a results root, such as a sweep's.

    Returns:
        The root, and the folder's name in it.

    Raises:
        ResultsError: the location is a bucket without a folder.
    """
    text = str(location)
    scheme, separator, rest = _split_scheme(text)
    if separator and scheme != "file":
        path, mark, query = rest.partition("?")
        parent, _, name = path.rstrip("/").rpartition("/")
        if not parent:
            raise ResultsError(
                f"{scheme}://{path} is a bucket, not a folder of a results root"
            )
        return open_store(f"{scheme}://{parent}{mark}{query}"), name
    path = unquote(rest) if separator else text
    _check_path(path)
    # realpath, since Path.resolve raises for links that lead in a circle.
    folder = Path(os.path.realpath(os.path.expanduser(path)))
    return Store(folder.parent), folder.name


def _check_path(path: str) -> None:
    """Raise ResultsError for a text that no file system can have as a path."""
    try:
        is_path = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_path = False
    if not is_path:
        raise ResultsError(f"--results {path!r} is not a path")


def canonical_uri(location: str | Path) -> str:
    """Return one URI or path for all spellings of a folder."""
    store, name = open_folder(location)
    return store.uri(name)


def find_existing_folder(folder: Path) -> Path:
    """Return the folder itself if it exists, else the nearest parent that exists."""
    candidates = (folder, *folder.parents)
    return next(path for path in candidates if path.exists())


def _split_scheme(location: str) -> tuple[str, str, str]:
    """Split a location into its scheme, `://` and the rest; for a path the last two are empty.

    Raises:
        ResultsError: a slash of `://` is missing, so that it would name a local folder.
    """
    mistyped = _MISTYPED_SCHEME.match(location)
    if mistyped:
        intended = redact_secrets(
            f"{mistyped[1].lower()}://{location[mistyped.end() :]}"
        )
        typed = redact_secrets(location)
        raise ResultsError(
            f"--results {typed}: did you mean {intended}? ./{typed} is the folder of that name"
        )
    scheme, separator, rest = location.partition("://")
    return scheme, separator, rest
