"""Metrics of pictures, pixels in 0..1."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.catalog import metric

if TYPE_CHECKING:
    from torch import Tensor

PROJECTIONS = 256


@metric("mse", needs=("generated", "target"), unit="pixel^2", direction="min")
def mse(outputs: dict[str, Tensor]) -> float:
    """Mean squared error a pixel of a generated answer; blurred means score well, so it hardly tells models apart."""
    return (outputs["generated"] - outputs["target"]).square().double().mean().item()


@metric("reconstruction_mse", needs=("reconstruction", "picture"), unit="pixel^2", direction="min")
def reconstruction_mse(outputs: dict[str, Tensor]) -> float:
    """Mean squared error a pixel and channel of pictures against what comes back through the latent vector."""
    return (outputs["reconstruction"] - outputs["picture"]).square().double().mean().item()


@metric("sliced_wasserstein", needs=("sample", "picture"), unit="pixel", direction="min")
def sliced_wasserstein(outputs: dict[str, Tensor]) -> float:
    """Sliced Wasserstein-1 distance of samples from as many held-out pictures, in raw pixels.

    Mean over 256 fixed random unit directions of the distance between the two projected distributions
    (Rabin et al. 2012; Bonneel et al. 2015). It sees colours and layout, hardly sharpness, and falls as
    pictures are added: compare at equal numbers.
    """
    samples, pictures = outputs["sample"].flatten(1).float(), outputs["picture"].flatten(1).float()
    directions = _directions(pictures.shape[1]).to(pictures.device)
    gaps = (samples @ directions).sort(dim=0).values - (pictures @ directions).sort(dim=0).values
    return gaps.abs().double().mean().item()


@lru_cache(maxsize=1)
def _directions(numbers: int) -> Tensor:
    """Random unit vectors [numbers, 256], always the same; kept, for drawing them takes longer than using them."""
    import torch

    directions = torch.randn(numbers, PROJECTIONS, generator=torch.Generator().manual_seed(0))
    return directions / directions.norm(dim=0)
