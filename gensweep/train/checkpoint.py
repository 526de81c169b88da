"""Checkpoints: the whole state of a training between two epochs, as bytes."""

from __future__ import annotations

import io
import pickle
from typing import Any

import torch

from gensweep.core.errors import GensweepError

FORMAT = 1


class CheckpointError(GensweepError):
    """A checkpoint is cut short, foreign, or of another point."""


def pack(point_id: str, state: dict[str, Any]) -> bytes:
    """Serialise a state of tensors and plain values."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "point": point_id, "state": state}, buffer)
    return buffer.getvalue()


def unpack(content: bytes, point_id: str, device: torch.device) -> dict[str, Any]:
    """What `pack` was given; nothing in the file is executed.

    Raises:
        CheckpointError: the content cannot be read, or is of another point or format.
    """
    try:
        whole = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"the checkpoint of {point_id} cannot be read: {error}") from error
    if not isinstance(whole, dict) or (whole.get("format"), whole.get("point")) != (FORMAT, point_id):
        raise CheckpointError(f"the checkpoint in the folder of {point_id} is of another point or format")
    return whole["state"]
