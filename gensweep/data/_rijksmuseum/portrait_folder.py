"""Store portraits in a folder: pictures as the service sent them, with a line of metadata each."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from gensweep.core.errors import DataError
from gensweep.data._rijksmuseum.responses import Work
from gensweep.system.download import explain_write_errors, write_cache_file

METADATA_FILE = "metadata.jsonl"
FIELDS = (
    "object_number",
    "title",
    "maker",
    "date",
    "licence",
    "identifier",
    "picture_url",
    "file",
    "sha256",
)
"""The keys of a line of metadata, in order."""
IDENTIFIER_PREFIX = "https://id.rijksmuseum.nl/"
MAX_NAME_CHARACTERS = 80
"""A longer object number is cut here in the name of a file."""
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.jpg")
_COMPLETE = "complete"
_CHANGED = "changed"
_MISSING = "missing"

Entry = dict[str, str]
"""A line of metadata: `FIELDS` -> text."""


class PortraitFolder:
    """The pictures `pictures/<object number>.jpg` of a folder that `metadata.jsonl` lists.

    The line of a picture is written before the picture. So a process can be interrupted at any
    time and leaves no picture without a line. A line without its picture, or with a damaged
    picture, does not count.

    Attributes:
        entries: the number of an object -> its line of metadata, a dict with the keys `FIELDS`.
        changed: listed files that differ from what was written.
        missing: listed files that do not exist.
    """

    def __init__(self, folder: Path) -> None:
        """Read the folder.

        Raises:
            DataError: a picture or the list cannot be read.
        """
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.changed: list[str] = []
        self.missing: list[str] = []
        self._names: set[str] = set()
        *lines, rest = self._read_metadata().split("\n")
        # A write that was interrupted leaves a last line without its end.
        self._is_list_complete = not rest
        for entry in _parse_lines(lines):
            state = self._check_file(entry)
            if state == _COMPLETE:
                self._add_entry(entry)
            elif state == _CHANGED:
                self.changed.append(entry["file"])
            else:
                self.missing.append(entry["file"])

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return self.folder / "pictures"

    def add(
        self,
        work: Work,
        url: str,
        body: bytes,
    ) -> None:
        """Store a picture and its line of metadata.

        Args:
            work: the record of the painting.
            url: the address of the picture.
            body: the bytes of the picture.

        Raises:
            FetchError: a file cannot be written.
        """
        entry = {
            "object_number": work.object_number,
            "title": work.title,
            "maker": work.maker,
            "date": work.date,
            "licence": work.licence,
            "identifier": IDENTIFIER_PREFIX + work.number,
            "picture_url": url,
            "file": self._choose_name(work),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        if not self._is_list_complete:
            self.rewrite_list()
        # If one of the writes below fails, the next call must write the list again.
        self._is_list_complete = False
        path = self.folder / METADATA_FILE
        with (
            explain_write_errors(path),
            path.open("a", encoding="utf-8") as file,
        ):
            file.write(_format_line(entry))
            file.flush()
            os.fsync(file.fileno())
        write_cache_file(self.pictures / entry["file"], body)
        self._add_entry(entry)
        self._is_list_complete = True

    def rewrite_list(self) -> None:
        """Write the list of metadata again, ordered by object number.

        Raises:
            FetchError: the file cannot be written.
        """
        entries = sorted(
            self.entries.values(),
            key=_get_sort_key,
        )
        lines = [_format_line(entry) for entry in entries]
        text = "".join(lines)
        write_cache_file(self.folder / METADATA_FILE, text.encode())
        self._is_list_complete = True

    def _read_metadata(self) -> str:
        """Return the text of the list; an empty text if there is no list."""
        path = self.folder / METADATA_FILE
        try:
            return path.read_bytes().decode("utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise DataError(
                f"{path} cannot be read: {error.strerror}",
            ) from error

    def _check_file(self, entry: Entry) -> str:
        """Compare the picture of an entry with its hash: `complete`, `changed` or `missing`."""
        path = self.pictures / entry["file"]
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return _MISSING
        except OSError as error:
            raise DataError(
                f"{path} cannot be read: {error.strerror}",
            ) from error
        sha256 = hashlib.sha256(body).hexdigest()
        if sha256 != entry["sha256"]:
            return _CHANGED
        return _COMPLETE

    def _add_entry(self, entry: Entry) -> None:
        number = entry["identifier"].removeprefix(IDENTIFIER_PREFIX)
        self.entries[number] = entry
        # Lower case, since some file systems do not distinguish cases.
        self._names.add(entry["file"].lower())

    def _choose_name(self, work: Work) -> str:
        """Return the file name for a painting: its object number, made safe.

        The number of the object is added if the object number is not safe, or already in use.
        """
        safe = _UNSAFE_CHARACTERS.sub("_", work.object_number)
        name = safe[:MAX_NAME_CHARACTERS].strip("._-")
        is_taken = f"{name}.jpg".lower() in self._names
        if is_taken or name != work.object_number:
            name = f"{name}_{work.number}".lstrip("_")
        return f"{name}.jpg"


def _parse_lines(lines: list[str]) -> list[Entry]:
    """Return the valid entries of a list; of lines with the same file only the last one."""
    entries = {}
    for line in lines:
        entry = _parse_line(line)
        if entry is not None:
            entries[entry["file"]] = entry
    return list(entries.values())


def _parse_line(line: str) -> Entry | None:
    """Return the entry of a line, or None if the line is damaged."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    if not all(isinstance(entry.get(key), str) for key in FIELDS):
        return None
    # A file name must not lead out of the folder.
    if not _FILE_NAME.fullmatch(entry["file"]):
        return None
    if not entry["identifier"].startswith(IDENTIFIER_PREFIX):
        return None
    return entry


def _format_line(entry: Entry) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _get_sort_key(entry: Entry) -> Any:
    """Return a sort key that puts SK-A-9 before SK-A-10."""
    key = []
    for part in re.split(r"([0-9]+)", entry["object_number"]):
        if part.isdecimal():
            key.append((int(part), ""))
        else:
            key.append((-1, part))
    return key, entry["identifier"]
