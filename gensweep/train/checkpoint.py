"""Checkpoints: the whole state of a training between two epochs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import torch

from gensweep.core.errors import GensweepError

FORMAT = 1


class CheckpointError(GensweepError):
    """A checkpoint is cut short, foreign, or of another point."""


def save(file: BinaryIO, point_id: str, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values into an open file."""
    torch.save({"format": FORMAT, "point": point_id, "state": state}, file)


def load(path: Path, point_id: str, device: torch.device) -> dict[str, Any]:
    """The state that `save` was given; nothing in the file is executed.

    Raises:
        FileNotFoundError: there is none.
        CheckpointError: the file cannot be read, or is of another point or format.
    """
    try:
        whole = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(whole, dict) or (whole.get("format"), whole.get("point")) != (FORMAT, point_id):
        raise CheckpointError(f"{path} is of another point or format")
    return whole["state"]
