"""Metrics of pictures, pixels in 0..1."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.registries import metric, register_derived

if TYPE_CHECKING:
    from torch import Tensor

PROJECTIONS = 256
REACH = 5
"""Pixels that the window of the structural similarity reaches to each side: past 3 sigma."""


@register_derived("generated_error", ("generated", "target"))
def generated_error(generated: Tensor, target: Tensor) -> Tensor:
    """Mean squared error a pixel of each example [B]."""
    return (generated - target).square().double().flatten(1).mean(1)


@register_derived("reconstruction_error", ("reconstruction", "picture"))
def reconstruction_error(reconstruction: Tensor, picture: Tensor) -> Tensor:
    """Mean squared error a pixel and channel of each example [B]."""
    return (reconstruction - picture).square().double().flatten(1).mean(1)


@register_derived("similarity", ("generated", "target"), ("reconstruction", "picture"))
def similarity(made: Tensor, true: Tensor) -> Tensor:
    """Structural similarity of each pair of pictures [B], mean over pixels and channels; sides of 6 pixels at least."""
    rows, columns = (_window(side).to(made) for side in made.shape[2:])
    mean_made, mean_true, squares, product = (
        rows @ (values @ columns.T)
        for values in (made, true, made.square() + true.square(), made * true)
    )
    mean_squares, mean_product = mean_made.square() + mean_true.square(), mean_made * mean_true
    variances = (squares - mean_squares).clamp(min=0)  # rounding goes below
    luminance = (2 * mean_product + 0.01**2) / (mean_squares + 0.01**2)
    contrast = (2 * (product - mean_product) + 0.03**2) / (variances + 0.03**2)
    return (luminance * contrast).mean((1, 2, 3))


@register_derived("sample_projections", ("sample",))
def sample_projections(sample: Tensor) -> Tensor:
    """Samples along fixed random directions [B, 256]."""
    return _projected(sample)


@register_derived("picture_projections", ("picture",))
def picture_projections(picture: Tensor) -> Tensor:
    """Pictures along fixed random directions [B, 256]."""
    return _projected(picture)


@metric("mse", needs=("generated_error",), unit="pixel^2", direction="min")
def mse(outputs: dict[str, Tensor]) -> float:
    """Mean squared error a pixel of a generated answer; blurred means score well, so it hardly tells models apart.

    Range 0 to 1, lower is better.
    """
    return outputs["generated_error"].double().mean().item()


@metric("reconstruction_mse", needs=("reconstruction_error",), unit="pixel^2", direction="min")
def reconstruction_mse(outputs: dict[str, Tensor]) -> float:
    """Mean squared error a pixel and channel of pictures against what comes back through the latent vector.

    Range 0 to 1, lower is better. Blurred pictures score well.
    """
    return outputs["reconstruction_error"].double().mean().item()


@metric("ssim", needs=("similarity",), unit="1", direction="max", when="test")
def ssim(outputs: dict[str, Tensor]) -> float:
    """Structural similarity: of a picture and its reconstruction, or of a generated answer and the true picture.

    Range -1 to 1, higher is better, 1 for equal pictures. Mean over pixels, channels and examples of the index of
    Wang et al. 2004 (K1 = 0.01, K2 = 0.03, Gaussian window of sigma 1.5 and 11 pixels), pictures mirrored beyond
    their borders. It is high wherever both pictures are flat, as most of a glyph is, and asks for one certain picture:
    a right answer in another handwriting scores low.
    """
    return outputs["similarity"].double().mean().item()


@metric(
    "sliced_wasserstein",
    needs=("sample_projections", "picture_projections"),
    unit="pixel",
    direction="min",
)
def sliced_wasserstein(outputs: dict[str, Tensor]) -> float:
    """Sliced Wasserstein-1 distance of samples from as many held-out pictures, in raw pixels.

    Range 0 and up, lower is better. Mean over 256 fixed random unit directions of the distance between the two
    projected distributions (Rabin et al. 2012; Bonneel et al. 2015). It sees colours and layout, hardly sharpness,
    and falls as pictures are added: compare at equal numbers.
    """
    samples, pictures = (
        outputs[name].sort(dim=0).values for name in ("sample_projections", "picture_projections")
    )
    return (samples - pictures).abs().double().mean().item()


def _window(side: int) -> Tensor:
    """The Gaussian window along a side as a matrix [side, side]: row i weights the pixels around pixel i.

    It mirrors the picture beyond its borders. At a picture's size, two products are faster than a convolution.
    """
    import torch
    from torch.nn import functional as F

    weights = (-torch.arange(-REACH, REACH + 1).double().div(1.5).square() / 2).exp()
    pixels = F.pad(torch.eye(side).double()[None], (REACH, REACH), mode="reflect")[0]
    return (pixels.unfold(1, len(weights), 1) @ (weights / weights.sum())).T


def _projected(pictures: Tensor) -> Tensor:
    flat = pictures.flatten(1).float()
    return flat @ _directions(flat.shape[1]).to(flat.device)


@lru_cache(maxsize=1)
def _directions(numbers: int) -> Tensor:
    """Random unit vectors [numbers, 256], always the same; kept, for drawing them takes longer than using them."""
    import torch

    directions = torch.randn(numbers, PROJECTIONS, generator=torch.Generator().manual_seed(0))
    return directions / directions.norm(dim=0)
