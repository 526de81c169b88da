"""The device that a trial trains on, and how much of it lanes may fill."""

from __future__ import annotations

import torch

from gensweep.core.errors import UserError
from gensweep.sweep.point import MOST_LANES, Point

FILLED = 0.8
"""The share of a GPU's memory that lanes may fill by estimate."""


def resolve_device(name: str) -> torch.device:
    """The device asked for; `auto` is the best there is.

    Raises:
        UserError: there is no such device here.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, here in there.items() if here))
    if not there.get(name, False):
        raise UserError(
            f"--device {name}: not on this machine; there is {', '.join(k for k, h in there.items() if h)}"
        )
    return torch.device(name)


def describe_device(device: torch.device) -> dict[str, str]:
    """The device's type, and the name of a GPU: part of a record's hardware."""
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {"device": device.type} | gpu


def count_fitting_lanes(point: Point, device: torch.device, gpus: float) -> int:
    """How many lanes like this point's a trial may train together: one where packs gain nothing.

    Args:
        point: any of the lanes; they are of one size.
        device: where they are trained.
        gpus: how many GPUs, or what share of one, the trial has.
    """
    if device.type != "cuda":
        return 1
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    room, model, lanes = FILLED * min(free, total * min(1.0, gpus)), point.model_config(), 1
    while lanes < MOST_LANES and model.training_bytes(lanes + 1) <= room:
        lanes += 1
    return lanes
