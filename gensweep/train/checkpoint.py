"""Checkpoints: the complete state of a training between two epochs."""

from __future__ import annotations

import os
import pickle
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch

from gensweep.core.errors import GensweepError
from gensweep.system.regular_files import (
    NotRegularFileError,
    open_regular,
)
from gensweep.system.signals import raise_if_stopped

FORMAT = 3
"""Version of what a checkpoint holds; others are not read."""
_CRC_BYTES = 4
_CHUNK_BYTES = 1 << 20


class CheckpointError(GensweepError):
    """A checkpoint is damaged, or of another point or format."""


class _ChecksumFile:
    """A file that computes a CRC-32 while it is written, so that no second copy is in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.crc = 0
        self.error: BaseException | None = None

    def write(self, content: bytes) -> int:
        try:
            self.crc = zlib.crc32(content, self.crc)
            return self._file.write(content)
        except BaseException as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self._file.flush()


def save(file: BinaryIO, point_id: str, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values into an open file.

    The last four bytes of the file are a CRC-32 of the others.
    """
    crc = save_tensors(
        {"format": FORMAT, "point": point_id, "state": state}, file
    )
    file.write(crc.to_bytes(_CRC_BYTES, "big"))


def save_tensors(values: Any, file: BinaryIO) -> int:
    """Write what `torch.load` reads into an open file; return a CRC-32 of it.

    Raises:
        Stopped: a signal came in between, and PyTorch lost its exception and a part of the file.
        OSError: disk full.
    """
    checksum_file = _ChecksumFile(file)
    try:
        torch.save(values, checksum_file)  # ty: ignore[invalid-argument-type]
    except Exception as error:
        # PyTorch turns whatever a file raises into `enforce fail ... unexpected pos`.
        if checksum_file.error is None or checksum_file.error is error:
            raise
        raise checksum_file.error from None
    raise_if_stopped()
    return checksum_file.crc


def load(path: Path, point_id: str, device: torch.device) -> dict[str, Any]:
    """Return the state that was passed to `save`; nothing in the file is executed.

    Raises:
        FileNotFoundError: there is none.
        CheckpointError: the file is damaged, or is of another point or format.
    """
    # One opened file for all steps: another host may put a newer checkpoint under the same name.
    with _open_without_waiting(path) as file:
        if not _is_intact(file):
            raise CheckpointError(
                f"{path} cannot be read: it was cut short or changed"
            )
        file.seek(0)
        try:
            saved = torch.load(file, map_location=device, weights_only=True)
        except (
            RuntimeError,
            EOFError,
            ValueError,
            KeyError,
            pickle.UnpicklingError,
        ) as error:
            raise CheckpointError(
                f"{path} cannot be read: {error}"
            ) from error
    is_dict = isinstance(saved, dict)
    if (
        not is_dict
        or saved.get("format") != FORMAT
        or saved.get("point") != point_id
    ):
        raise CheckpointError(f"{path} is of another point or format")
    return saved["state"]


def _open_without_waiting(path: Path) -> BinaryIO:
    """Open a file to read; for a pipe, do not wait for somebody who writes to it.

    Raises:
        FileNotFoundError: there is none.
        CheckpointError: it is a folder, a pipe or a device.
    """
    try:
        handle = open_regular(path)
    except (NotRegularFileError, IsADirectoryError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    return os.fdopen(handle, "rb")


def _is_intact(file: BinaryIO) -> bool:
    """Return whether the checksum at the end of a file is right."""
    # PyTorch itself accepts changed numbers in silence, and fails in a dozen ways on other damage.
    remaining = os.fstat(file.fileno()).st_size - _CRC_BYTES
    crc = 0
    while remaining > 0:
        chunk = file.read(min(_CHUNK_BYTES, remaining))
        if not chunk:
            break
        crc = zlib.crc32(chunk, crc)
        remaining -= len(chunk)
    return remaining == 0 and file.read() == crc.to_bytes(_CRC_BYTES, "big")
