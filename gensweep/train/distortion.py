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
    bends = _UPSAMPLE @ (BEND * torch.randn(n, 2, 5, 5, generator=rng)) @ _UPSAMPLE.mT
    affine = torch.eye(2, 3) + AFFINE * (2 * torch.rand(n, 2, 3, generator=rng) - 1)
    points = torch.baddbmm(affine[..., 2:], affine[..., :2], _CENTRES + bends.flatten(2))
    grid = points.mT.contiguous().unflatten(1, (GLYPH_SIZE, GLYPH_SIZE))
    moved = F.grid_sample(pictures.unsqueeze(1), grid, align_corners=False).squeeze(1)
    # Half of the amounts are below 0, so half of the glyphs stay sharp.
    blur_amount = (2 * torch.rand(n, 1, 1, generator=rng) - 1).clamp(min=0)
    noise = torch.randn(moved.shape, generator=rng) * torch.rand(n, 1, 1, generator=rng)
    return moved.lerp(_BLUR @ moved @ _BLUR, blur_amount) + NOISE * noise


def _build_blur() -> Tensor:
    """Return the matrix that replaces each pixel of a line by the mean of it and its neighbours."""
    offsets = (-1, 0, 1)
    diagonals = [torch.diag(torch.ones(GLYPH_SIZE - abs(offset)), offset) for offset in offsets]
    return torch.stack(diagonals).sum(0) / 3


_UPSAMPLE = F.interpolate(torch.eye(5)[None, None], size=(GLYPH_SIZE, 5), mode="bicubic")[0, 0]
"""The matrix that interpolates 28 numbers between five on a line [28, 5]."""
_BLUR = _build_blur()
_COORDINATES = (2 * torch.arange(GLYPH_SIZE) + 1 - GLYPH_SIZE) / GLYPH_SIZE
_CENTRES = torch.cartesian_prod(_COORDINATES, _COORDINATES).flip(-1).T.contiguous()
"""Of each pixel, the column and the row, from -1 to 1 [2, 28 * 28]."""
