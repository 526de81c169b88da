"""Interpolate between two latent vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

MIN_SINE = 1e-3
"""Below this sine of the angle between two vectors, a great circle is not computed: its formula
divides by the sine."""


def interpolate_linear(
    starts: Tensor,
    ends: Tensor,
    steps: int,
) -> Tensor:
    """Return straight lines in equal steps, both ends included.

    Args:
        starts: [N, D].
        ends: [N, D].
        steps: vectors on a line.

    Returns:
        [N, steps, D].
    """
    share = _build_shares(starts, steps)
    return starts.unsqueeze(1) * (1 - share) + ends.unsqueeze(1) * share


def interpolate_spherical(
    starts: Tensor,
    ends: Tensor,
    steps: int,
) -> Tensor:
    """Return great circles (Shoemake 1985), both ends included.

    They keep the length that vectors of a Gaussian have (White 2016).

    Args:
        starts: [N, D].
        ends: [N, D]. If both vectors point in the same or in opposite directions, the line is
            straight.
        steps: vectors on a line.

    Returns:
        [N, steps, D].
    """
    share = _build_shares(starts, steps)
    cosine = cosine_similarity(starts, ends, dim=1).clamp(-1, 1)
    angle = cosine.acos()[:, None, None]
    sine = angle.sin()
    first = ((1 - share) * angle).sin() / sine
    last = (share * angle).sin() / sine
    circles = starts.unsqueeze(1) * first + ends.unsqueeze(1) * last
    lines = interpolate_linear(starts, ends, steps)
    return torch.where(sine.abs() > MIN_SINE, circles, lines)


def _build_shares(like: Tensor, steps: int) -> Tensor:
    """Return the share of the second vector at each step, [1, steps, 1]."""
    shares = torch.linspace(
        0,
        1,
        steps,
        dtype=like.dtype,
        device=like.device,
    )
    return shares[None, :, None]
