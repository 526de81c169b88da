"""Names of the files in a point's folder, and which of them are useless when the point is done."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gensweep.core.keep import CHECKPOINT_TOO, keeps_weights
from gensweep.ledger.status import Status

POINTS = "points"
RECORD = "record.json"
CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.pt"
ERROR = "error.txt"
ATTEMPT = "attempt.json"
"""A note of the attempt that is under way in the process of its driver."""
LOCK = ".lock"
SAMPLES = "samples"
_FILE_SUFFIXES = (".json", ".pt", ".csv", ".txt", ".png")


def list_useless_files(status: str, keep: str) -> list[str]:
    """Return the files to remove after the record of a point was written.

    Args:
        status: of the record.
        keep: which files stay if the point is ok, as `gensweep.core.keep`.
    """
    useless = []
    # A retry of a failed point continues from its checkpoint.
    serves_a_retry = status == Status.FAILED
    serves_more_epochs = status == Status.OK and keep == CHECKPOINT_TOO
    if not (serves_a_retry or serves_more_epochs):
        useless.append(CHECKPOINT)
    if not keeps_weights(keep):
        # An earlier training of the point may have left some.
        useless.append(WEIGHTS)
    if status == Status.OK:
        useless.append(ERROR)
    return useless


def check_names(folder: Path) -> None:
    """Check that no folder stands where a point has a file, and no file where it has a folder.

    A training notices this only when it writes the file, perhaps hours later.

    Raises:
        IsADirectoryError, NotADirectoryError: one does.
    """
    samples = folder / SAMPLES
    if os.path.lexists(samples) and not samples.is_dir():
        message = (
            "should be a folder, but is not one; move it to another place"
        )
        raise NotADirectoryError(errno.ENOTDIR, message, str(samples))
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        # The claim creates the folder, or says what is in its place.
        return
    for entry in entries:
        is_file_name = entry.name == LOCK or entry.name.endswith(
            _FILE_SUFFIXES
        )
        # A link to a folder is replaced like a file.
        if is_file_name and entry.is_dir(follow_symlinks=False):
            message = (
                "should be a file, but is a folder; move it to another place"
            )
            raise IsADirectoryError(errno.EISDIR, message, entry.path)
