"""Folders in place of files: a run would notice them when it writes, perhaps hours later."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gensweep.ledger.point_files import LOCK, SAMPLES

_FILE_SUFFIXES = (
    *(".json", ".pt", ".csv", ".txt", ".png"),
    *(".html", ".md", ".tex", ".svg", ".pdf"),
)
"""Endings of the names of files that a run writes."""


def check_point_names(folder: Path) -> None:
    """Check that no folder stands where a point has a file, and no file where it has a folder.

    Raises:
        IsADirectoryError, NotADirectoryError: one does.
    """
    samples = folder / SAMPLES
    if os.path.lexists(samples) and not samples.is_dir():
        message = (
            "should be a folder, but is not one; move it to another place"
        )
        raise NotADirectoryError(errno.ENOTDIR, message, str(samples))
    obstacle = find_folder_in_place_of_file(folder)
    if obstacle is not None:
        message = (
            "should be a file, but is a folder; move it to another place"
        )
        raise IsADirectoryError(errno.EISDIR, message, obstacle)


def find_folder_in_place_of_file(folder: Path) -> str | None:
    """Return the path of the first folder in a folder that has the name of a file.

    A link to a folder is none: it is replaced like a file.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        # Whoever creates the folder says what is in its place.
        return None
    for entry in entries:
        is_file_name = entry.name == LOCK or entry.name.endswith(
            _FILE_SUFFIXES
        )
        if is_file_name and entry.is_dir(follow_symlinks=False):
            return entry.path
    return None
