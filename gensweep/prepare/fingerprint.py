"""The user's own data in a sweep: `folder:DIR`, `idx:DIR`, `npz:FILE`, identified by its content.

A parameter says `folder:DIR`; the point says `folder:sha256-0123456789abcdef`, the pinned text. A
folder that was moved, or whose files were renamed, is the same data. A folder with one picture
more or less is other data.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensweep.core.errors import DataError
from gensweep.prepare.file_hashes import hash_files
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.naming import PINNED, get_display_name
from gensweep.system.storage import write_json

log = logging.getLogger(__name__)
DIGITS = 16
"""Hexadecimal digits of the digest in a pinned text."""
_pinned_texts: dict[str, str] = {}
"""Scheme and absolute path -> pinned text, in this process."""
_outdated: set[str] = set()
"""Keys of `_pinned_texts` whose data is read again when it is next named."""
_paths: dict[str, Path] = {}
"""Pinned text -> the folder or file, in this process."""
_surveys: dict[str, Survey] = {}


@dataclass(frozen=True)
class Scheme:
    """A kind of the user's own data.

    Attributes:
        name: `folder` in `folder:DIR`.
        placeholder: `DIR` in `folder:DIR`, as error messages show it.
        files: lists the files of a folder whose content counts; raises `DataError` if they are
            not data of this kind.
        default: returns the folder of the bare name, if it has one.
        together: the number of files in a row that belong together, as pictures and their labels.
        partial: whether a file that cannot be read is left out; otherwise it is an error.
        reading: returns how a file is read, where its name decides that, as a part of the
            identity; "" for the usual way.
    """

    name: str
    placeholder: str
    files: Callable[[Path], Sequence[Path]]
    default: Callable[[], Path] | None = None
    together: int = 1
    partial: bool = False
    reading: Callable[[Path], str] = lambda path: ""

    def __str__(self) -> str:
        return (
            self.name if self.default else f"{self.name}:{self.placeholder}"
        )

    def pin_digests(self, digests: Mapping[Path, str]) -> str:
        """Return the pinned text of some files with these digests."""
        return self.combine_digests(
            f"{digest} {self.reading(path)}".rstrip()
            for path, digest in digests.items()
        )

    def combine_digests(self, digests: Iterable[str]) -> str:
        """Return the scheme with one digest of many; order and copies make no difference."""
        # One iterator, repeated: zip takes `together` digests at a time from it.
        iterator = iter(digests)
        groups = {
            " ".join(group)
            for group in zip(*[iterator] * self.together, strict=True)
        }
        text = "\n".join(sorted(groups))
        digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
        return f"{self.name}:sha256-{digest}"


@dataclass(frozen=True)
class Survey:
    """A summary of the files of some data.

    Attributes:
        readable: the number of files that can be read.
        different: the number of them with different bytes.
        unread: file, relative to the folder -> the reason why it cannot be read.
    """

    readable: int
    different: int
    unread: Mapping[str, str]


class Source:
    """The type of a parameter that is a name, or data of a scheme: a validator for pydantic."""

    def __init__(self, *schemes: Scheme, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self.schemes = {scheme.name: scheme for scheme in schemes}

    def __str__(self) -> str:
        return " | ".join([*self.names, *map(str, self.schemes.values())])

    def __call__(self, text: str) -> str:
        """Return the name, or the pinned text of the data.

        Raises:
            ValueError: the text is neither, or there is no such data. Pydantic expects this type.
        """
        name, colon, path = text.partition(":")
        scheme = self.schemes.get(name)
        if text in self.names or (scheme and PINNED.fullmatch(text)):
            return text
        is_default = (
            scheme is not None and scheme.default is not None and not colon
        )
        if scheme is None or not (path or is_default):
            raise ValueError(
                f"{text!r} is none of {self}{self._suggest(text)}"
            )
        # A run reads the data once, so that it means the same content from start to end.
        key = _get_key(text)
        if key not in _pinned_texts or key in _outdated:
            try:
                folder = Path(path).expanduser().absolute() if path else None
                _pinned_texts[key] = pin_to_content(scheme, folder)
                _outdated.discard(key)
            except DataError as error:
                raise ValueError(str(error)) from error
            except (
                RuntimeError
            ) as error:  # expanduser: no home folder for `~nobody`
                raise ValueError(f"{text}: {error}") from error
        return _pinned_texts[key]

    def _suggest(self, text: str) -> str:
        """Return what to write for a path without a scheme; nothing for other text."""
        path = os.path.expanduser(text)
        if os.path.isdir(path):
            placeholder = "DIR"
        elif os.path.isfile(path) or (os.sep in text and Path(text).suffix):
            placeholder = "FILE"
        else:
            return ""
        names = [
            f"{scheme.name}:{text}"
            for scheme in self.schemes.values()
            if scheme.placeholder == placeholder
        ]
        return f"; write {names[0]!r}" if names else ""


def pin_to_content(scheme: Scheme, path: Path | None) -> str:
    """Return the pinned text of some data, and remember its path.

    Args:
        scheme: the kind of data.
        path: the folder or file; None: the scheme's default.

    Raises:
        DataError: there is no such data.
    """
    if path is None:
        assert scheme.default is not None
        path = scheme.default()
    hashes, survey = read_digests(scheme, path)
    pinned = scheme.pin_digests(hashes)
    _paths[pinned] = path
    _surveys[pinned] = survey
    try:
        make_cache_folder("places")
        write_json(_get_path_file(pinned), {"place": str(path)})
    except (DataError, OSError) as error:
        log.debug("the path of %s was not stored: %s", pinned, error)
    return pinned


def get_survey(pinned: str) -> Survey | None:
    """Return the summary of pinned data; None if another process pinned it."""
    return _surveys.get(pinned)


def get_pinned_text(text: str) -> str:
    """Return the pinned text of data that this process has pinned; other text unchanged."""
    return _pinned_texts.get(_get_key(text), text)


def _get_key(text: str) -> str:
    """Return the scheme and the absolute path that a text names; other text unchanged."""
    name, colon, path = text.partition(":")
    if not path:
        return text
    path = os.path.expanduser(path)
    if not os.path.isabs(path):
        # A notebook may change its folder, and then the same text names other data.
        with contextlib.suppress(OSError):
            path = os.path.join(os.getcwd(), path)
    return f"{name}{colon}{path}"


def find_paths(values: Iterable[Any]) -> dict[str, str]:
    """Return the paths of the pinned texts among some values, where this machine knows them."""
    paths = {}
    texts = (value for value in values if isinstance(value, str))
    for text in dict.fromkeys(texts):
        if PINNED.fullmatch(text):
            with contextlib.suppress(DataError):
                paths[text] = str(locate(text))
    return paths


def label_pinned(text: str) -> str:
    """Return the name of the folder or file of pinned data, if known; other text unchanged."""
    path = find_paths([text]).get(text)
    return get_display_name(text, path) if path else text


def read_again_when_named() -> None:
    """Read data again when a grid next names it; grids that exist mean what they meant."""
    _outdated.update(_pinned_texts)


def clear_cache() -> None:
    """Forget what this process has pinned, so that it reads all data again."""
    _pinned_texts.clear()
    _outdated.clear()
    _paths.clear()
    _surveys.clear()


def locate(pinned: str) -> Path:
    """Return the last known path of pinned data.

    Raises:
        DataError: this machine has never seen it, or it is no longer there.
    """
    path = _paths.get(pinned)
    if path is None:
        try:
            stored = json.loads(
                _get_path_file(pinned).read_text(encoding="utf-8")
            )
            path = Path(stored["place"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(
                f"{pinned} has never been used on this machine; name the path of the data"
            ) from error
    try:
        path.stat()
    except OSError as error:
        raise DataError(
            f"{pinned} is no longer at {path} ({error.strerror}); name its new path"
        ) from error
    return path


def read_digests(
    scheme: Scheme, path: Path
) -> tuple[dict[Path, str], Survey]:
    """Return the SHA-256 of every readable file of some data, and a summary.

    Raises:
        DataError: there is no such data, or a file cannot be read and the scheme needs all files.
    """
    unreadable: dict[Path, str] = {}
    hashes = hash_files(
        path, scheme.files(path), unreadable if scheme.partial else None
    )
    if unreadable and not hashes:
        example, reason = next(iter(unreadable.items()))
        raise DataError(
            f"{path}: none of its {len(unreadable)} files can be read, "
            f"for example {example} ({reason})"
        )
    reasons = {
        os.path.relpath(file, path): reason
        for file, reason in unreadable.items()
    }
    return hashes, Survey(len(hashes), len(set(hashes.values())), reasons)


def _get_path_file(pinned: str) -> Path:
    """Return the file of the cache that stores the path of pinned data."""
    # A colon is not allowed in file names on Windows.
    return get_cache_root() / "places" / f"{pinned.replace(':', '-')}.json"
