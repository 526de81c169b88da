"""Distances of two sets of pictures, in the vectors of a feature network.

Each compares the features of samples with those of held-out pictures, [n, features] each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NEIGHBOURS = 5
KID_SUBSET = 1000
"""Pictures that KID compares together; if there are more, it is the mean over ten subsets."""
KID_SCALE = 1000
PARTS = 10
"""Parts of the pictures whose KIDs give its interval."""
STUDENT_T = 2.262
"""Student's t of 97.5% with nine degrees of freedom."""
DIRECTIONS = 256
"""Random directions of the sliced Wasserstein distance."""
CHUNK_SIZE = 1000
"""Real pictures whose distances are in memory together."""


def compute_fid(sample: Tensor, picture: Tensor) -> float:
    """Fréchet distance of normal distributions fitted to features of samples and held-out pictures.

    It is |m - n|^2 + tr(S) + tr(T) - 2 tr((S T)^1/2) of means m, n and covariances S, T (Heusel et
    al. 2017). It is biased: it falls as pictures are added. Compare at equal numbers.
    """
    import torch

    if not (sample.isfinite().all() and picture.isfinite().all()):
        return float("nan")
    # Of S = A'A and T = B'B, the eigenvalues of S T are the squares of the singular values of A B'.
    sample_root, picture_root = (
        _root_covariance(sample),
        _root_covariance(picture),
    )
    common = torch.linalg.svdvals(sample_root @ picture_root.T).sum()
    means = (sample.mean(0) - picture.mean(0)).square().sum()
    traces = sample_root.square().sum(), picture_root.square().sum()
    distance = means + traces[0] + traces[1] - 2 * common
    # Rounding can make it negative.
    return max(0.0, distance.item())


def compute_kid(sample: Tensor, picture: Tensor) -> float:
    """Kernel distance: squared maximum mean discrepancy of features, times 1,000.

    The kernel is (x.y / features + 1)^3. It is 0 in the mean for equal distributions, and slightly
    negative by chance (Binkowski et al. 2018). Papers print it times 1,000 too. It is
    unbiased: its mean does not depend on the number of pictures.
    """
    import torch

    rng = torch.Generator().manual_seed(0)
    size = min(len(sample), len(picture), KID_SUBSET)
    subsets = 1 if max(len(sample), len(picture)) <= KID_SUBSET else 10
    discrepancies = []
    for _ in range(subsets):
        pictures = picture[torch.randperm(len(picture), generator=rng)[:size]]
        samples = sample[torch.randperm(len(sample), generator=rng)[:size]]
        discrepancies.append(_estimate_discrepancy(pictures, samples))
    return KID_SCALE * torch.stack(discrepancies).mean().item()


def compute_kid_interval(sample: Tensor, picture: Tensor) -> float:
    """Half the width of the 95% interval of `kid_x1000` over draws of pictures, by Student's t.

    It comes from the KIDs of ten equal parts of the samples, each with a part of the pictures. It
    says how far another draw of as many pictures from the same network might move `kid_x1000`; it
    does not cover the seeds of the training. It is too wide near a distance of 0.
    """
    import torch

    size = min(len(sample), len(picture)) // PARTS
    distances = []
    for start in range(0, size * PARTS, size):
        part = slice(start, start + size)
        distances.append(_estimate_discrepancy(picture[part], sample[part]))
    deviation = torch.stack(distances).std().item()
    return KID_SCALE * STUDENT_T * deviation / PARTS**0.5


def compute_mind(sample: Tensor, picture: Tensor) -> float:
    """Sliced Wasserstein-1 distance of features of samples from those of as many held-out pictures.

    It is the mean, over 256 fixed random unit directions, of the distance between the two projected
    distributions. MIND (Berthet et al. 2026) does the same with features of Inception, so published
    values are on another scale. It needs fewer pictures than FID, and falls as pictures are added:
    compare at equal numbers.
    """
    import torch

    rng = torch.Generator().manual_seed(0)
    directions = torch.randn(sample.shape[1], DIRECTIONS, generator=rng).to(
        sample
    )
    directions = directions / directions.norm(dim=0)
    samples = (sample @ directions).sort(dim=0).values
    pictures = (picture @ directions).sort(dim=0).values
    return (samples - pictures).abs().mean().item()


def compute_density(sample: Tensor, picture: Tensor) -> float:
    """Mean number of real pictures' neighbourhoods that a sample lies in, divided by k = 5.

    It is 1 in the mean for equal distributions (Naeem et al. 2020). A neighbourhood is the ball
    around a real picture that reaches to the fifth nearest of the others. The metric says how
    likely samples are, not how varied: copies of one common picture score above 1. Read it together
    with `coverage`.
    """
    inside = sum(
        part.sum().item() for part in _find_neighbours(sample, picture)
    )
    return inside / (NEIGHBOURS * len(sample))


def compute_coverage(sample: Tensor, picture: Tensor) -> float:
    """Share of the real pictures with a sample in their neighbourhood, as `density` defines it.

    It is 1 - 1/2^5 = 0.97 in the mean for equal distributions and as many samples as pictures
    (Naeem et al. 2020). It depends on the number of samples: compare at equal numbers.
    """
    covered = 0
    for inside in _find_neighbours(sample, picture):
        covered += int(inside.any(dim=1).sum())
    return covered / len(picture)


# --- helpers


def _root_covariance(features: Tensor) -> Tensor:
    """Return a matrix R such that R'R is the covariance of features [n, features].

    Returns:
        [min(n, features), features].
    """
    import torch

    centred = features - features.mean(0)
    root = torch.linalg.qr(centred, mode="r").R
    return root / (len(features) - 1) ** 0.5


def _estimate_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy of two sets of features.

    Args:
        first, second: [n, features] each.
    """
    count, features = first.shape

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / features + 1) ** 3

    within_first = kernel(first, first)
    within_second = kernel(second, second)
    across = kernel(first, second)
    # A vector's product with itself, on the diagonal, would bias the estimate.
    within = within_first.sum() - within_first.trace()
    within = within + within_second.sum() - within_second.trace()
    return within / (count * (count - 1)) - 2 * across.mean()


def _find_neighbours(sample: Tensor, picture: Tensor) -> Iterator[Tensor]:
    """Yield which samples lie in the neighbourhoods of pictures, some pictures at a time.

    Yields:
        Booleans [some pictures, samples].
    """
    import torch

    for chunk in picture.split(CHUNK_SIZE):
        # The nearest to a picture is the picture itself, at a distance of 0.
        k = min(NEIGHBOURS + 1, len(picture))
        radius = torch.cdist(chunk, picture).kthvalue(k, dim=1).values
        yield torch.cdist(chunk, sample) < radius[:, None]
