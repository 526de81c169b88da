"""Metrics of pictures, pixels in 0..1."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.registries import register_derived, register_metric
from gensweep.core.roles import Role
from gensweep.metrics.losses import mean

if TYPE_CHECKING:
    from torch import Tensor

PROJECTIONS = 256
"""Random directions of the sliced Wasserstein distance."""
WINDOW_SIGMA = 1.5
WINDOW_RADIUS = 5
"""Pixels of the similarity's window to each side of its centre: past 3 sigma."""


# --- derived outputs


@register_derived("generated_error", ("generated", "target"))
def compute_generated_error(generated: Tensor, target: Tensor) -> Tensor:
    """Mean squared error a pixel of each example [B]."""
    return (generated - target).square().double().flatten(1).mean(1)


@register_derived("reconstruction_error", ("reconstruction", "picture"))
def compute_reconstruction_error(
    reconstruction: Tensor, picture: Tensor
) -> Tensor:
    """Mean squared error a pixel and channel of each example [B]."""
    return (reconstruction - picture).square().double().flatten(1).mean(1)


@register_derived(
    "similarity", ("generated", "target"), ("reconstruction", "picture")
)
def compute_similarity(output: Tensor, target: Tensor) -> Tensor:
    """Structural similarity of each pair of pictures [B], mean over pixels and channels.

    Sides have at least 6 pixels.
    """
    rows, columns = (
        _build_window(side).to(output) for side in output.shape[2:]
    )

    def smooth(values: Tensor) -> Tensor:
        return rows @ (values @ columns.T)

    mean_output, mean_target = smooth(output), smooth(target)
    squares = smooth(output.square() + target.square())
    product = smooth(output * target)
    mean_squares = mean_output.square() + mean_target.square()
    mean_product = mean_output * mean_target
    # Rounding can make a variance negative.
    variances = (squares - mean_squares).clamp(min=0)
    luminance = (2 * mean_product + 0.01**2) / (mean_squares + 0.01**2)
    contrast = (2 * (product - mean_product) + 0.03**2) / (
        variances + 0.03**2
    )
    return (luminance * contrast).mean((1, 2, 3))


@register_derived("sample_projections", ("sample",))
def project_samples(sample: Tensor) -> Tensor:
    """Samples along fixed random directions [B, 256]."""
    return _project(sample)


@register_derived("picture_projections", ("picture",))
def project_pictures(picture: Tensor) -> Tensor:
    """Pictures along fixed random directions [B, 256]."""
    return _project(picture)


# --- metrics


@register_metric(
    "mse",
    needs=("generated_error",),
    unit="pixel^2",
    direction="min",
    range=(0, 1),
    roles=(Role.DRAWN_ANSWERS, Role.COMPARED),
    main_rank=40,
)
def compute_mse(outputs: dict[str, Tensor]) -> float:
    """Mean squared error a pixel of a generated answer.

    Blurred means score well, so it hardly tells models apart.
    """
    return mean(outputs["generated_error"])


@register_metric(
    "reconstruction_mse",
    needs=("reconstruction_error",),
    unit="pixel^2",
    direction="min",
    range=(0, 1),
    roles=(Role.RECONSTRUCTIONS,),
    main_rank=50,
)
def compute_reconstruction_mse(outputs: dict[str, Tensor]) -> float:
    """Mean squared error a pixel and channel of pictures that went through the latent vector.

    Blurred pictures score well.
    """
    return mean(outputs["reconstruction_error"])


@register_metric(
    "ssim",
    needs=("similarity",),
    unit="1",
    direction="max",
    when="test",
    range=(-1, 1),
)
def compute_ssim(outputs: dict[str, Tensor]) -> float:
    """Structural similarity of a picture and its reconstruction, or of a drawn and a true answer.

    1 for equal pictures. Mean over pixels, channels and examples of the index
    of Wang et al. 2004 (K1 = 0.01, K2 = 0.03, Gaussian window of sigma 1.5 and
    11 pixels), pictures mirrored beyond their borders. It is high wherever both
    pictures are flat, as most of a glyph is, and it compares with one certain
    picture: a right answer in another handwriting scores low.
    """
    return mean(outputs["similarity"])


@register_metric(
    "sliced_wasserstein",
    needs=("sample_projections", "picture_projections"),
    unit="pixel",
    direction="min",
    range=(0, None),
    roles=(Role.GENERATED,),
    main_rank=60,
)
def compute_sliced_wasserstein(outputs: dict[str, Tensor]) -> float:
    """Sliced Wasserstein-1 distance of samples from as many held-out pictures, in raw pixels.

    Mean over 256 fixed random unit directions of the distance between the two
    projected distributions (Rabin et al. 2012; Bonneel et al. 2015). It sees
    colours and layout, hardly sharpness, and falls as pictures are added:
    compare at equal numbers.
    """
    samples = outputs["sample_projections"].sort(dim=0).values
    pictures = outputs["picture_projections"].sort(dim=0).values
    return mean((samples - pictures).abs())


# --- helpers


def _build_window(side: int) -> Tensor:
    """Return the Gaussian window along a side: row i weights the pixels around pixel i.

    The window mirrors the picture beyond its borders.

    Returns:
        [side, side]. At a picture's size, two products with such matrices are faster than a
        convolution.
    """
    import torch
    from torch.nn import functional as F

    offsets = torch.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1).double()
    weights = (-offsets.div(WINDOW_SIGMA).square() / 2).exp()
    border = (WINDOW_RADIUS, WINDOW_RADIUS)
    pixels = F.pad(torch.eye(side).double()[None], border, mode="reflect")[0]
    return (pixels.unfold(1, len(weights), 1) @ (weights / weights.sum())).T


def _project(pictures: Tensor) -> Tensor:
    flat = pictures.flatten(1).float()
    return flat @ _draw_directions(flat.shape[1]).to(flat.device)


@lru_cache(maxsize=1)
def _draw_directions(numbers: int) -> Tensor:
    """Return random unit vectors [numbers, 256], always the same.

    They are cached, since drawing them takes longer than using them.
    """
    import torch

    directions = torch.randn(
        numbers, PROJECTIONS, generator=torch.Generator().manual_seed(0)
    )
    return directions / directions.norm(dim=0)
