"""Dropout (Srivastava et al. 2014) with random numbers that are drawn before the step."""

from __future__ import annotations

import torch
from torch import Tensor

from gensweep.nn.base_network import Noise

DROPOUT = "dropout"


def draw_dropout(
    share: float, shape: tuple[int, ...], rng: torch.Generator
) -> Noise:
    """Draw a uniform number for each unit; nothing without dropout.

    Args:
        share: of the units that are dropped.
        shape: [B, ...] of the units.
        rng: the generator of the point.
    """
    if not share:
        return {}
    return {DROPOUT: torch.rand(shape, generator=rng)}


def make_masks(share: float, noise: Noise) -> Tensor | None:
    """Return the factors of the units: 0 if dropped, else such that their mean stays.

    Args:
        share: of the units that are dropped.
        noise: from `draw_dropout`.

    Returns:
        The shape of the numbers; None without dropout.
    """
    if DROPOUT not in noise:
        return None
    is_kept = noise[DROPOUT] >= share
    return is_kept.float() / (1 - share)
