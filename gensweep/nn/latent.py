"""Ways between two latent vectors."""

from __future__ import annotations

import torch
from torch import Tensor


def interpolate_linear(starts: Tensor, ends: Tensor, steps: int) -> Tensor:
    """Straight lines: from starts [N, D] to ends [N, D] in equal steps, both included, [N, steps, D]."""
    share = _shares(starts, steps)
    return starts.unsqueeze(1) * (1 - share) + ends.unsqueeze(1) * share


def interpolate_spherical(starts: Tensor, ends: Tensor, steps: int) -> Tensor:
    """Great circles (Shoemake 1985), which keep the length that a Gaussian's vectors have (White 2016).

    Args:
        starts, ends: [N, D]; where both point the same way, or opposite ways, the line is straight.
        steps: vectors on the way, both ends included.

    Returns:
        [N, steps, D].
    """
    share = _shares(starts, steps)
    cosine = torch.nn.functional.cosine_similarity(starts, ends, dim=1).clamp(-1, 1)
    angle = cosine.acos()[:, None, None]
    first, last = ((1 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin()
    round_ = starts.unsqueeze(1) * first + ends.unsqueeze(1) * last
    return torch.where(angle.sin().abs() > 1e-3, round_, interpolate_linear(starts, ends, steps))


def _shares(like: Tensor, steps: int) -> Tensor:
    return torch.linspace(0, 1, steps, dtype=like.dtype, device=like.device)[None, :, None]
