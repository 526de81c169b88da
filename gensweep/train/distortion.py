"""Random distortions of glyphs, which a reader is trained with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.nn.glyph_codec import GLYPH_SIZE

BEND = 0.05
"""Standard deviation of a control point's displacement, of half a glyph's side."""
AFFINE = 0.17
"""The largest change of a number of the affine map."""
NOISE = 0.1
"""The largest standard deviation of the noise."""


def distort(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Return glyphs [n, 28, 28] as another hand, or a model, might have drawn them.

    They are turned, sheared, scaled, shifted and bent (Simard et al. 2003) a little; half of them
    are blurred, and all get some noise.
    """
    n = len(pictures)
    # Bends and blur are products with small matrices: PyTorch's own interpolation and pooling are
    # slower.
    control_points = BEND * torch.randn(n, 2, 5, 5, generator=rng)
    bends = _UPSAMPLE @ control_points @ _UPSAMPLE.mT
    changes = 2 * torch.rand(n, 2, 3, generator=rng) - 1
    affine = torch.eye(2, 3) + AFFINE * changes
    matrix, shift = affine[..., :2], affine[..., 2:]
    points = torch.baddbmm(shift, matrix, _CENTRES + bends.flatten(2))
    grid = points.mT.contiguous().unflatten(1, (GLYPH_SIZE, GLYPH_SIZE))
    moved = F.grid_sample(
        pictures.unsqueeze(1), grid, align_corners=False
    ).squeeze(1)
    # Half of the amounts are below 0, so half of the glyphs stay sharp.
    blur_amount = (2 * torch.rand(n, 1, 1, generator=rng) - 1).clamp(min=0)
    noise = torch.randn(moved.shape, generator=rng)
    noise_amount = torch.rand(n, 1, 1, generator=rng)
    blurred = _BLUR @ moved @ _BLUR
    return moved.lerp(blurred, blur_amount) + NOISE * (noise * noise_amount)


def _build_blur() -> Tensor:
    """Return the matrix that replaces each pixel of a line by the mean of it and its neighbours."""
    diagonals = []
    for offset in (-1, 0, 1):
        ones = torch.ones(GLYPH_SIZE - abs(offset))
        diagonals.append(torch.diag(ones, offset))
    return torch.stack(diagonals).sum(0) / 3


def _build_upsampling() -> Tensor:
    identity = torch.eye(5)[None, None]
    return F.interpolate(identity, size=(GLYPH_SIZE, 5), mode="bicubic")[0, 0]


_UPSAMPLE = _build_upsampling()
"""The matrix that interpolates 28 numbers between five on a line [28, 5]."""
_BLUR = _build_blur()
_COORDINATES = (2 * torch.arange(GLYPH_SIZE) + 1 - GLYPH_SIZE) / GLYPH_SIZE
_CENTRES = (
    torch.cartesian_prod(_COORDINATES, _COORDINATES).flip(-1).T.contiguous()
)
"""Of each pixel, the column and the row, from -1 to 1 [2, 28 * 28]."""
