"""Layers that read and draw handwritten glyphs of 28x28 pixels, and changes of glyphs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.nn.conv import ConvDown, ConvUp, Flatten, Unflatten

GLYPH_SIZE = 28
"""Height and width of a glyph in pixels."""
_TWO_PIXELS = 2 / (GLYPH_SIZE / 2)
"""Two pixels in the units of `F.grid_sample`, in which a picture reaches from -1 to 1."""
_MAX_CHANGES = (math.radians(10), 0.1, 0.1, _TWO_PIXELS, _TWO_PIXELS)
"""The amount 1 of each change: 10 degrees, 10% in size and shear, 2 pixels across and down."""


class GlyphEncoder(nn.Module):
    """Two convolutions of stride 2 and a dense layer, the same for every glyph.

    Input [B, T, 28, 28]; output [B, T, features].

    Args:
        filters: channels of the first convolution; the second has twice as many.
        features: size of the output.
    """

    def __init__(self, filters: int, features: int) -> None:
        super().__init__()
        side = GLYPH_SIZE // 4
        self.stages = nn.Sequential(
            ConvDown(1, filters),
            ConvDown(filters, 2 * filters),
            Flatten(),
            nn.Linear(2 * filters * side**2, features),
            nn.ReLU(),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return features [B, T, features] of glyphs [B, T, 28, 28]."""
        glyphs = pictures.flatten(0, 1).unsqueeze(1)
        return self.stages(glyphs).unflatten(0, pictures.shape[:2])

    def forward_unique(self, distinct: Tensor, which: Tensor) -> Tensor:
        """Return features of glyphs of which many are equal. Each distinct one is computed once.

        Args:
            distinct: the distinct glyphs [U, 28, 28].
            which: the index of every glyph among them [B, T].

        Returns:
            [B, T, features].
        """
        features = self.stages(distinct.unsqueeze(1))
        # Looked up in float32, since the gradient of a glyph is a sum over all its copies.
        expanded = F.embedding(which, features.float())
        return expanded.to(features.dtype)


class GlyphDecoder(nn.Module):
    """A dense layer and two transposed convolutions of stride 2, the same for every glyph.

    Args:
        features: size of the input.
        filters: channels of the last convolution's input; the first has twice as many.
    """

    def __init__(self, features: int, filters: int) -> None:
        super().__init__()
        side = GLYPH_SIZE // 4
        self.stages = nn.Sequential(
            nn.Linear(features, 2 * filters * side**2),
            nn.ReLU(),
            Unflatten(2 * filters, side, side),
            ConvUp(2 * filters, filters),
            ConvUp(filters, 1, slope=1.0),
        )

    def forward(self, states: Tensor) -> Tensor:
        """Return logits [B, T, 28, 28], float32, of states [B, T, features]."""
        logits = self.stages(states.flatten(0, 1)).float()
        return logits.squeeze(1).unflatten(0, states.shape[:2])


def get_glyphs(
    batch: Mapping[str, Tensor],
    field: str,
) -> Tensor:
    """Return the glyphs of every example [B, T, 28, 28].

    A batch can hold each distinct glyph once, with indices; then the glyphs are looked up.
    """
    if field in batch:
        return batch[field]
    which = batch[f"{field}/which"]
    return batch[f"{field}/distinct"][which]


def apply_affine(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Turn, scale, shear and shift each glyph, bilinearly, with black beyond the border.

    Args:
        pictures: [B, T, 28, 28].
        amounts: [B, T, 5]: angle, size, shear, shift across and down; 1 is 10 degrees, 10%, 10%,
            2 pixels.

    Returns:
        [B, T, 28, 28].
    """
    units = torch.tensor(
        _MAX_CHANGES,
        dtype=amounts.dtype,
        device=amounts.device,
    )
    changes = amounts.flatten(0, 1) * units
    angle, size, shear, across, down = changes.unbind(-1)
    cos = angle.cos() * (1 + size)
    sin = angle.sin() * (1 + size)
    matrix = torch.stack(
        [
            cos,
            shear * cos - sin,
            across,
            sin,
            shear * sin + cos,
            down,
        ],
        -1,
    )
    theta = matrix.unflatten(-1, (2, 3))
    # The products of `F.affine_grid`, which vmap cannot batch.
    pixels = torch.arange(
        GLYPH_SIZE,
        dtype=amounts.dtype,
        device=amounts.device,
    )
    centres = (2 * pixels + 1 - GLYPH_SIZE) / GLYPH_SIZE
    points = torch.cartesian_prod(centres, centres).flip(-1)
    # bfloat16 is too coarse for coordinates.
    with torch.autocast(amounts.device.type, enabled=False):
        grid = F.pad(points, (0, 1), value=1.0) @ theta.mT
    grid = grid.unflatten(1, (GLYPH_SIZE, GLYPH_SIZE))
    glyphs = pictures.flatten(0, 1).unsqueeze(1)
    moved = F.grid_sample(
        glyphs,
        grid,
        align_corners=False,
    )
    return moved.squeeze(1).unflatten(0, pictures.shape[:2])


def join_glyphs(pictures: Tensor) -> Tensor:
    """Put glyphs side by side: [B, T, 28, 28] to [B, 1, 28, 28 T]."""
    return pictures.transpose(1, 2).flatten(2).unsqueeze(1)
