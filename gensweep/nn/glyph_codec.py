"""Handwritten glyphs of 28x28 pixels: read, drawn, bent, and joined into one strip."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.nn.conv import ConvDown, ConvUp, Flatten, Unflatten

GLYPH_SIZE = 28
_MOST = (math.radians(10), 0.1, 0.1, 2 / (GLYPH_SIZE / 2), 2 / (GLYPH_SIZE / 2))


class GlyphEncoder(nn.Module):
    """Two stride-2 convolutions and a dense layer, the same for every glyph: [B, T, 28, 28] to [B, T, features]."""

    def __init__(self, filters: int, features: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            ConvDown(1, filters),
            ConvDown(filters, 2 * filters),
            Flatten(),
            nn.Linear(2 * filters * (GLYPH_SIZE // 4) ** 2, features),
            nn.ReLU(),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Features [B, T, features] of glyphs [B, T, 28, 28]."""
        return self.stages(pictures.flatten(0, 1).unsqueeze(1)).unflatten(0, pictures.shape[:2])

    def forward_unique(self, distinct: Tensor, which: Tensor) -> Tensor:
        """The same where glyphs are seen again: of each only once.

        Args:
            distinct: [U, 28, 28].
            which: of them is each glyph, [B, T].
        """
        features = self.stages(distinct.unsqueeze(1))
        # Looked up in float32: the gradient of a glyph adds up all that are equal.
        return F.embedding(which, features.float()).to(features.dtype)


class GlyphDecoder(nn.Module):
    """A dense layer and two stride-2 transposed convolutions, the same for every glyph."""

    def __init__(self, features: int, filters: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            nn.Linear(features, 2 * filters * (GLYPH_SIZE // 4) ** 2),
            nn.ReLU(),
            Unflatten(2 * filters, GLYPH_SIZE // 4, GLYPH_SIZE // 4),
            ConvUp(2 * filters, filters),
            ConvUp(filters, 1, slope=1.0),
        )

    def forward(self, states: Tensor) -> Tensor:
        """Logits [B, T, 28, 28], float32, of states [B, T, features]."""
        return self.stages(states.flatten(0, 1)).float().squeeze(1).unflatten(0, states.shape[:2])


def get_glyphs(batch: Mapping[str, Tensor], field: str) -> Tensor:
    """The glyphs of every example [B, T, 28, 28], also where a batch has but distinct ones."""
    return batch[field] if field in batch else batch[f"{field}/distinct"][batch[f"{field}/which"]]


def apply_affine(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Turn, scale, shear and shift each glyph, bilinearly, with black beyond the border.

    Args:
        pictures: [B, T, 28, 28].
        amounts: [B, T, 5]: angle, size, shear, shift across and down; 1 is 10 degrees, 10%, 10%, 2 pixels.
    """
    most = torch.tensor(_MOST, dtype=amounts.dtype, device=amounts.device)
    angle, size, shear, across, down = (amounts.flatten(0, 1) * most).unbind(-1)
    cos, sin = angle.cos() * (1 + size), angle.sin() * (1 + size)
    theta = torch.stack(
        [cos, shear * cos - sin, across, sin, shear * sin + cos, down], -1
    ).unflatten(-1, (2, 3))
    flat = pictures.flatten(0, 1).unsqueeze(1)
    # The products of `F.affine_grid`, which vmap cannot batch.
    centres = (
        2 * torch.arange(GLYPH_SIZE, dtype=amounts.dtype, device=amounts.device) + 1 - GLYPH_SIZE
    ) / GLYPH_SIZE
    places = torch.cartesian_prod(centres, centres).flip(-1)
    with torch.autocast(amounts.device.type, enabled=False):  # bfloat16 is too coarse for places
        grid = (F.pad(places, (0, 1), value=1.0) @ theta.mT).unflatten(1, (GLYPH_SIZE, GLYPH_SIZE))
    return (
        F.grid_sample(flat, grid, align_corners=False).squeeze(1).unflatten(0, pictures.shape[:2])
    )


def join_glyphs(pictures: Tensor) -> Tensor:
    """Glyphs side by side: [B, T, 28, 28] to [B, 1, 28, 28 T]."""
    return pictures.transpose(1, 2).flatten(2).unsqueeze(1)
