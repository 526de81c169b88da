"""Trainings stepped together, and comparisons with each one alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tiny import training

from gensweep.train.lanes import Lanes
from gensweep.train.loop import Training

EPOCHS = 2
MIXED: list[tuple[int, dict[str, Any]]] = [
    (0, {}), (1, {}), (2, {"train_fraction": 0.5}), (3, {"lr": 0.01}), (4, {"train_fraction": 0.2}),
]  # fmt: skip
"""Seeds and what else differs: 20, 11 and 4 examples, which are 3, 2 and 1 steps with last ones of 4, 3 and 4."""


def make_trainings(
    model: str, spec: list[tuple[int, dict[str, Any]]], **params: Any
) -> list[Training]:
    """Return a training for each seed and what else differs."""
    return [training(model, seed, **{"epochs": EPOCHS} | params | mine) for seed, mine in spec]


def run(trainings: list[Training], epochs: int = EPOCHS, lanes: Lanes | None = None) -> list[Any]:
    """Train that many epochs together; how the last one ended for each."""
    lanes, ends = lanes or Lanes(), []
    for _ in range(epochs):
        ends = lanes.run_epoch(trainings)
    return ends


def close(lane: Training, alone: Training) -> None:
    """Equal within rounding, matrices as wholes.

    Adam moves a weight by the rate whatever the size of its gradient, so that one whose gradient is all but zero may
    go either way. Muon's iterations magnify rounding in small directions, by up to 3.4445^5 = 485, and where that
    turns a unit on or off at its ReLU, a row differs by more.
    """
    assert lane.epoch == alone.epoch and len(lane.history) == len(alone.history)
    for mine, theirs in zip(
        [*lane.history, lane.test()], [*alone.history, alone.test()], strict=True
    ):
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    for (name, weight), other in zip(
        lane.network.named_parameters(), alone.network.parameters(), strict=True
    ):
        tolerance = 1e-3 if lane.model.optimizer == "muon" else 5e-4
        assert (weight - other).norm() <= tolerance * other.norm(), name


def state(one: Training) -> dict[str, Any]:
    """Return a copy of all that a checkpoint has."""
    return copy.deepcopy(one.state_dict())


def equal(one: Any, other: Any) -> bool:
    """Bit for bit, tensors within."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            equal(value, other[key]) for key, value in one.items()
        )
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
