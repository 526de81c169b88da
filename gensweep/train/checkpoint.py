"""Checkpoints: the whole state of a training between two epochs."""

from __future__ import annotations

import pickle
import stat
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch

from gensweep.core.errors import GensweepError
from gensweep.system.signals import raise_if_stopped

FORMAT = 3
_CRC, _CHUNK = 4, 1 << 20


class CheckpointError(GensweepError):
    """A checkpoint is cut short, foreign, or of another point."""


class _Checked:
    """A file that sums up what is written to it, so that nothing is held in memory for that."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.crc = file, 0
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
    """Write a state of tensors and plain values into an open file, and a CRC-32 of it in the last four bytes."""
    crc = save_tensors({"format": FORMAT, "point": point_id, "state": state}, file)
    file.write(crc.to_bytes(_CRC, "big"))


def save_tensors(values: Any, file: BinaryIO) -> int:
    """Write what `torch.load` reads into an open file; return a CRC-32 of it.

    Raises:
        Stopped: a signal came in between, and PyTorch lost its exception and a part of the file.
        OSError: disk full. PyTorch itself makes `enforce fail ... unexpected pos` of whatever a file raises.
    """
    checked = _Checked(file)
    try:
        torch.save(values, checked)  # ty: ignore[invalid-argument-type]
    except Exception as error:
        if checked.error is None or checked.error is error:
            raise
        raise checked.error from None
    raise_if_stopped()
    return checked.crc


def load(path: Path, point_id: str, device: torch.device) -> dict[str, Any]:
    """The state that `save` was given; nothing in the file is executed.

    Raises:
        FileNotFoundError: there is none.
        CheckpointError: the file is damaged, or is of another point or format.
    """
    if not _is_whole(path):
        raise CheckpointError(f"{path} cannot be read: it was cut short or changed")
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(saved, dict) or (saved.get("format"), saved.get("point")) != (
        FORMAT,
        point_id,
    ):
        raise CheckpointError(f"{path} is of another point or format")
    return saved["state"]


def _is_whole(path: Path) -> bool:
    """Whether the checksum fits. PyTorch itself accepts changed numbers in silence, and fails in a dozen ways."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
        return False
    left, crc = found.st_size - _CRC, 0
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            crc, left = zlib.crc32(chunk, crc), left - len(chunk)
        return left == 0 and file.read() == crc.to_bytes(_CRC, "big")
