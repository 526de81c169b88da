"""The device that a trial trains on, and how many lanes fit on it."""

from __future__ import annotations

import torch

from gensweep.core.errors import UserError
from gensweep.sweep.point import MAX_LANES, Point

MAX_MEMORY_SHARE = 0.8
"""The share of a GPU's memory that lanes may fill by estimate."""


def resolve_device(name: str) -> torch.device:
    """Return the requested device; `auto` is the fastest one available.

    Raises:
        UserError: this machine has no such device.
    """
    available = []
    if torch.cuda.is_available():
        available.append("cuda")
    if torch.backends.mps.is_available():
        available.append("mps")
    available.append("cpu")
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise UserError(
            f"--device {name}: not on this machine; there is {', '.join(available)}"
        )
    return torch.device(name)


def describe_device(device: torch.device) -> dict[str, str]:
    """Return the device's type, and the name of a GPU: part of a record's hardware."""
    description = {"device": device.type}
    if device.type == "cuda":
        description["gpu"] = torch.cuda.get_device_name(device)
    return description


def count_fitting_lanes(
    point: Point, device: torch.device, gpus: float
) -> int:
    """Return how many lanes like this point's a trial may train together.

    Args:
        point: any of the lanes; they have the same size.
        device: where they are trained.
        gpus: how many GPUs, or what share of one, the trial has.
    """
    if device.type != "cuda":
        # Elsewhere packs gain nothing.
        return 1
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    budget = MAX_MEMORY_SHARE * min(free, total * min(1.0, gpus))
    model = point.model_config()
    lanes = 1
    while (
        lanes < MAX_LANES
        and model.estimate_training_bytes(lanes + 1) <= budget
    ):
        lanes += 1
    return lanes
