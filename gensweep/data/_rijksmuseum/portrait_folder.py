"""What is kept of the museum: pictures as they were served, and a line of metadata for each."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from gensweep.core.errors import DataError
from gensweep.data._rijksmuseum.answers import Work
from gensweep.system.download import keep, writing

LISTED = "metadata.jsonl"
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
IDENTIFIER = "https://id.rijksmuseum.nl/"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 80


class PortraitFolder:
    """The pictures of a folder, `pictures/<object number>.jpg`, that `metadata.jsonl` lists.

    A picture's line is written before the picture: whatever stops the process, no picture lies there unlisted, and a
    line without its picture, or cut short, counts for nothing.

    Attributes:
        entries: object -> its line: `FIELDS`.
        changed, missing: files that are listed, and are not what was written, or not there.
    """

    def __init__(self, folder: Path) -> None:
        """Read what there is.

        Raises:
            DataError: a picture cannot be read.
        """
        self.folder = folder
        self.entries: dict[str, dict[str, Any]] = {}
        self.changed: list[str] = []
        self.missing: list[str] = []
        self._names: set[str] = set()
        *lines, rest = self._read().split("\n")
        self._tidy = not rest
        listed = {
            entry["file"]: entry for entry in filter(None, map(_parsed, lines))
        }  # the last line of a file counts
        for entry in listed.values():
            state = self._state(entry)
            if state == "whole":
                self._enter(entry)
            else:
                (self.changed if state == "changed" else self.missing).append(entry["file"])

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return self.folder / "pictures"

    def add(self, work: Work, url: str, body: bytes) -> None:
        """Keep a picture.

        Raises:
            FetchError: it cannot be written.
        """
        name, digest = self._name(work), hashlib.sha256(body).hexdigest()
        values = (
            work.object_number,
            work.title,
            work.maker,
            work.date,
            work.licence,
            IDENTIFIER + work.number,
        )
        entry = dict(zip(FIELDS, (*values, url, name, digest), strict=True))
        if not self._tidy:
            self.rewrite_list()
        path = self.folder / LISTED
        self._tidy = False
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())
        keep(self.pictures / entry["file"], body)
        self._enter(entry)
        self._tidy = True

    def rewrite_list(self) -> None:
        """Write the list anew, in the order of the object numbers.

        Raises:
            FetchError: it cannot be written.
        """
        lines = sorted(
            self.entries.values(),
            key=lambda entry: (_natural(entry["object_number"]), entry["identifier"]),
        )
        keep(self.folder / LISTED, "".join(map(_line, lines)).encode())
        self._tidy = True

    def _read(self) -> str:
        try:
            return (self.folder / LISTED).read_bytes().decode("utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise DataError(f"{self.folder / LISTED} cannot be read: {error.strerror}") from error

    def _state(self, entry: dict[str, Any]) -> str:
        """Whether a line's picture is `whole`, as it was written, `changed`, or `missing`."""
        try:
            body = (self.pictures / entry["file"]).read_bytes()
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            raise DataError(
                f"{self.pictures / entry['file']} cannot be read: {error.strerror}"
            ) from error
        return "whole" if hashlib.sha256(body).hexdigest() == entry["sha256"] else "changed"

    def _enter(self, entry: dict[str, Any]) -> None:
        self.entries[entry["identifier"].removeprefix(IDENTIFIER)] = entry
        self._names.add(entry["file"].lower())

    def _name(self, work: Work) -> str:
        """The object number as a file name; with the object's own number where that is not safe or taken."""
        name = _UNSAFE.sub("_", work.object_number)[:_LONGEST_NAME].strip("._-")
        if name != work.object_number or f"{name}.jpg".lower() in self._names:
            name = f"{name}_{work.number}".lstrip("_")
        return f"{name}.jpg"


def _parsed(line: str) -> dict[str, Any] | None:
    """A line's entry, if it is one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in FIELDS):
        return None
    inside = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.jpg", entry["file"])
    return entry if inside and entry["identifier"].startswith(IDENTIFIER) else None


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that puts SK-A-9 before SK-A-10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", text)
    ]
