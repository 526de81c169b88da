"""The folder of a paper kit: files that the author has edited stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gensweep.core.errors import ResultsError
from gensweep.system.storage import write_atomic

MANIFEST = "kit.json"
"""The file with the hash of each file that was written."""


@dataclass
class Written:
    """The outcome of writing a kit to its folder.

    Attributes:
        written: files that are new or changed.
        same: files that had this content already.
        edited: files that the author has edited, or that gensweep did not write; they stay.
        removed: files of an earlier kit that this one does not have.
    """

    written: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def write_files(
    folder: Path, files: Mapping[str, bytes | str], overwrite: bool = False
) -> Written:
    """Write the files of a kit.

    Args:
        folder: it is made where it does not exist.
        files: path below the folder -> content.
        overwrite: replace files that the author has edited, too.

    Raises:
        ResultsError: the folder cannot be written.
    """
    outcome = Written()
    known = _read_hashes(folder / MANIFEST)
    hashes = {}
    try:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            hashes[name] = sha256(data).hexdigest()
            _write_one(
                folder, name, data, known.get(name), overwrite, outcome
            )
        for name, earlier in known.items():
            path = folder / name
            # Only what is unchanged since gensweep wrote it is removed.
            if name not in files and _hash_file(path) == earlier:
                path.unlink()
                outcome.removed.append(name)
        for name in outcome.edited:
            # It stays known as edited: its hash is that of what gensweep wrote last.
            hashes[name] = known.get(name, "")
        text = json.dumps(hashes, indent=1, sort_keys=True)
        write_atomic(folder / MANIFEST, f"{text}\n".encode())
    except OSError as error:
        reason = error.strerror or error
        raise ResultsError(
            f"--out {folder} cannot be written: {reason}"
        ) from error
    return outcome


def _write_one(
    folder: Path,
    name: str,
    data: bytes,
    earlier: str | None,
    overwrite: bool,
    outcome: Written,
) -> None:
    path = folder / name
    current = _hash_file(path)
    if current == sha256(data).hexdigest():
        outcome.same.append(name)
    elif current in (None, earlier) or overwrite:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
        outcome.written.append(name)
    else:
        outcome.edited.append(name)


def _hash_file(path: Path) -> str | None:
    """Return the hash of a file; None if there is none."""
    if not path.is_file():
        return None
    return sha256(path.read_bytes()).hexdigest()


def _read_hashes(path: Path) -> dict[str, str]:
    """Return the hashes of the files that were written last; none if they are not known."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {
        str(name): str(value)
        for name, value in values.items()
        if is_below(str(name))
    }


def is_below(name: str) -> bool:
    """Return whether a path stays below its folder."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts
