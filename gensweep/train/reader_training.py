"""Code that the trainings of all readers share: the recipe, and one thread of the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import torch

from gensweep.core.training_config import TrainingConfig

RECIPE = TrainingConfig(
    optimizer="adamw",
    lr=5e-3,
    weight_decay=0.05,
    schedule="warmup_linear",
    warmup=0.2,
    hold=0.2,
)


@contextlib.contextmanager
def use_one_thread() -> Generator[None]:
    """Compute with one thread of PyTorch's, and with gradients, whatever the caller has set."""
    # More threads would add numbers in another order, so the reader would depend on the machine.
    previous = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(previous)
