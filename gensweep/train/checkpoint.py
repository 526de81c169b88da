"""Checkpoints: the whole state of a training between two epochs."""

from __future__ import annotations

import io
import pickle
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch

from gensweep.core.errors import GensweepError

FORMAT = 1


class CheckpointError(GensweepError):
    """A checkpoint is cut short, foreign, or of another point."""


def save(file: BinaryIO, point_id: str, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values into an open file, behind a checksum of four bytes."""
    content = io.BytesIO()
    torch.save({"format": FORMAT, "point": point_id, "state": state}, content)
    file.write(_checksum(content.getbuffer()))
    file.write(content.getbuffer())


def load(path: Path, point_id: str, device: torch.device) -> dict[str, Any]:
    """The state that `save` was given; nothing in the file is executed.

    Raises:
        FileNotFoundError: there is none.
        CheckpointError: the file is damaged, or is of another point or format.
    """
    whole = path.read_bytes()
    content = memoryview(whole)[4:]
    if whole[:4] != _checksum(content):
        raise CheckpointError(f"{path} cannot be read: it was cut short or changed")
    try:
        saved = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(saved, dict) or (saved.get("format"), saved.get("point")) != (FORMAT, point_id):
        raise CheckpointError(f"{path} is of another point or format")
    return saved["state"]


def _checksum(content: memoryview) -> bytes:
    """PyTorch itself accepts changed numbers in silence, and fails on a shortened file in a dozen ways."""
    return zlib.crc32(content).to_bytes(4, "big")
