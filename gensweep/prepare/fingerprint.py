"""The user's own data in a sweep: `folder:DIR`, `idx:DIR`, `npz:FILE`, known by what it holds, not where it lies.

A parameter says `folder:DIR`; the point says `folder:sha256-0123456789abcdef`. A folder that was moved, or whose files
were renamed, is the same data; one that gained or lost a picture is not.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensweep.core.errors import DataError
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.naming import PINNED, get_display_name
from gensweep.system.storage import write_json

log = logging.getLogger(__name__)
DIGITS = 16
_pinned: dict[str, str] = {}
_places: dict[str, Path] = {}
_surveys: dict[str, Survey] = {}
_SETTLED = 2.0
"""Seconds after which a file's time of change tells one content from another."""


@dataclass(frozen=True)
class Scheme:
    """A way to name the user's own data.

    Attributes:
        name: `folder` in `folder:DIR`.
        place: `DIR` in `folder:DIR`.
        files: the files at a place whose content counts; raises `DataError` where they are no such data.
        default: the place of the bare name, where it has one of its own.
        together: how many files in a row belong together, as pictures and their labels do.
        partial: whether a file that cannot be read is left out; otherwise it is an error.
        reading: how a file is read, where its name decides that; "": as every other. It is part of the identity.
    """

    name: str
    place: str
    files: Callable[[Path], Sequence[Path]]
    default: Callable[[], Path] | None = None
    together: int = 1
    partial: bool = False
    reading: Callable[[Path], str] = lambda path: ""

    def __str__(self) -> str:
        return self.name if self.default else f"{self.name}:{self.place}"

    def pin_digests(self, digests: Mapping[Path, str]) -> str:
        """Return the pinned text of some files, whose digests these are."""
        return self.combine_digests(
            f"{digest} {self.reading(path)}".rstrip() for path, digest in digests.items()
        )

    def combine_digests(self, digests: Iterable[str]) -> str:
        """The scheme with one digest of its files' digests, whatever their order and number of copies."""
        groups = {" ".join(group) for group in zip(*[iter(digests)] * self.together, strict=True)}
        return f"{self.name}:sha256-{hashlib.sha256(chr(10).join(sorted(groups)).encode()).hexdigest()[:DIGITS]}"


@dataclass(frozen=True)
class Survey:
    """What lies at a place.

    Attributes:
        readable: how many files can be read.
        different: how many of them have different bytes.
        unread: file, relative to the place -> why it cannot be read.
    """

    readable: int
    different: int
    unread: Mapping[str, str]


class Source:
    """The type of a parameter that takes a name, or a place by a scheme: a validator that returns the pinned text."""

    def __init__(self, *schemes: Scheme, names: Sequence[str] = ()) -> None:
        self.names, self.schemes = tuple(names), {scheme.name: scheme for scheme in schemes}

    def __str__(self) -> str:
        return " | ".join([*self.names, *map(str, self.schemes.values())])

    def __call__(self, text: str) -> str:
        """The name, or the place pinned to its content.

        Raises:
            ValueError: neither a name nor a scheme's place, or there is no such data; what pydantic asks for.
        """
        name, colon, place = text.partition(":")
        scheme = self.schemes.get(name)
        if text in self.names or (scheme and PINNED.fullmatch(text)):
            return text
        if scheme is None or not (place or (scheme.default and not colon)):
            raise ValueError(f"{text!r} is none of {self}")
        if (
            text not in _pinned
        ):  # read once a process: a run means one content, whatever changes meanwhile
            try:
                _pinned[text] = pin_to_content(
                    scheme, Path(place).expanduser().absolute() if place else None
                )
            except DataError as error:
                raise ValueError(str(error)) from error
            except RuntimeError as error:  # of `~nobody`
                raise ValueError(f"{text}: {error}") from error
        return _pinned[text]


def pin_to_content(scheme: Scheme, place: Path | None) -> str:
    """The scheme with a digest of what lies at the place, which is remembered.

    Raises:
        DataError: there is no such data.
    """
    if place is None:
        assert scheme.default is not None
        place = scheme.default()
    found, survey = read_digests(scheme, place)
    pinned = scheme.pin_digests(found)
    _places[pinned], _surveys[pinned] = place, survey
    try:
        write_json(
            make_cache_folder("places") / f"{pinned.replace(':', '-')}.json", {"place": str(place)}
        )
    except (DataError, OSError) as error:
        log.debug("%s is not remembered: %s", pinned, error)
    return pinned


def get_survey(pinned: str) -> Survey | None:
    """Return what lay at the place of pinned data when this process pinned it; a worker need not have it."""
    return _surveys.get(pinned)


def get_pinned_text(text: str) -> str:
    """The pinned text of a place that this process has pinned; other text as it is."""
    return _pinned.get(text, text)


def find_paths(values: Iterable[Any]) -> dict[str, str]:
    """Where the pinned ones of some values lie, as far as this machine knows: pinned text -> path."""
    found = {}
    for value in dict.fromkeys(value for value in values if isinstance(value, str)):
        if PINNED.fullmatch(value):
            with contextlib.suppress(DataError):
                found[value] = str(locate(value))
    return found


def label_pinned(text: str) -> str:
    """Pinned data by the name of its folder or file, where that is known; other text as it is."""
    place = find_paths([text]).get(text)
    return get_display_name(text, place) if place else text


def clear_cache() -> None:
    """Read every place anew when it is named again."""
    _pinned.clear()
    _places.clear()
    _surveys.clear()


def locate(pinned: str) -> Path:
    """Where pinned data was last seen.

    Raises:
        DataError: it was never seen on this machine, or has gone.
    """
    place = _places.get(pinned)
    if place is None:
        try:
            kept = get_cache_root() / "places" / f"{pinned.replace(':', '-')}.json"
            place = Path(json.loads(kept.read_text(encoding="utf-8"))["place"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(
                f"{pinned} was never seen on this machine; name the place it lies at"
            ) from error
    try:
        place.stat()
    except OSError as error:
        raise DataError(
            f"{pinned} has gone from {place} ({error.strerror}); name the place it lies at now"
        ) from error
    return place


def read_digests(scheme: Scheme, place: Path) -> tuple[dict[Path, str], Survey]:
    """Return the SHA-256 of every file of a place that can be read, and what the place holds.

    Raises:
        DataError: there is no such data, or a file cannot be read and the scheme needs every one.
    """
    unread: dict[Path, str] = {}
    found = hash_files(place, scheme.files(place), unread if scheme.partial else None)
    if unread and not found:
        path, reason = next(iter(unread.items()))
        raise DataError(
            f"{place}: none of its {len(unread)} files can be read, such as {path} ({reason})"
        )
    reasons = {os.path.relpath(path, place): reason for path, reason in unread.items()}
    return found, Survey(len(found), len(set(found.values())), reasons)


def hash_files(
    place: Path, files: Sequence[Path], unread: dict[Path, str] | None = None
) -> dict[Path, str]:
    """SHA-256 of every file; those of files that did not change since are kept in the cache.

    Args:
        place: the folder or file that they belong to.
        files: which; pipes, devices and sockets count as unreadable, and are never opened.
        unread: gets each file that cannot be read, with the reason; None: such a file is an error.

    Raises:
        DataError: a file cannot be read.
    """
    kept_at = (
        get_cache_root()
        / "digests"
        / f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:DIGITS]}.json"
    )
    kept = _kept(kept_at)
    found, fresh, settled = {}, {}, time.time_ns() - int(_SETTLED * 1e9)
    for path in files:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a file")
            # The time of the inode's change cannot be set, as a copy or an archive sets that of the content's.
            stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
            before = kept.get(str(path))
            if before is not None and before[0] == stamp:
                found[path] = before[1]
            else:
                with path.open("rb") as file:
                    found[path] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            if unread is None:
                raise DataError(f"{path} cannot be read: {error.strerror}") from error
            unread[path] = str(error.strerror)
            continue
        if max(status.st_mtime_ns, status.st_ctime_ns) < settled:
            fresh[str(path)] = (stamp, found[path])
    if fresh != kept:
        try:
            make_cache_folder("digests")
            write_json(kept_at, fresh)
        except (DataError, OSError) as error:
            log.debug("digests are not kept: %s", error)
    return found


def _kept(path: Path) -> dict[str, tuple[list[int], str]]:
    """The digests in a file of the cache, each with the stamp of its file; none where it is damaged."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: (stamp, digest)
            for name, (stamp, digest) in entries.items()
            if isinstance(digest, str)
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
