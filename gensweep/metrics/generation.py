"""Metrics of generated pictures against real ones, in the vectors of a feature network.

Each is named after its network: `fid_random_vgg` compares in the default one, `fid_inception` in
one that `GENSWEEP_FEATURES` names. None is computed from too few pictures:
`gensweep.core.soundness` says how many are needed, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from gensweep.core.registries import Range, register_derived, register_metric
from gensweep.core.roles import Role
from gensweep.core.soundness import MIN_PICTURES
from gensweep.metrics._features import (
    FeatureNetwork,
    extract_cached_features,
    extract_features,
    select_networks,
)

if TYPE_CHECKING:
    from torch import Tensor

    Compare = Callable[[Tensor, Tensor], float]

NEIGHBOURS = 5
KID_SUBSET = 1000
"""Pictures that KID compares together; if there are more, it is the mean over ten subsets."""
CHUNK_SIZE = 1000
"""Real pictures whose distances are in memory together."""


def compute_fid(sample: Tensor, picture: Tensor) -> float:
    """Fréchet distance of normal distributions fitted to features of samples and held-out pictures.

    Heusel et al. 2017: |m - n|^2 + tr(S) + tr(T) -
    2 tr((S T)^1/2) of means m, n and covariances S, T. Biased: it falls as pictures are added.
    Compare at equal numbers.
    """
    import torch

    if not (sample.isfinite().all() and picture.isfinite().all()):
        return float("nan")
    # Of S = A'A and T = B'B, the eigenvalues of S T are the squares of the singular values of A B'.
    sample_root, picture_root = _root_covariance(sample), _root_covariance(picture)
    common = torch.linalg.svdvals(sample_root @ picture_root.T).sum()
    means = (sample.mean(0) - picture.mean(0)).square().sum()
    traces = sample_root.square().sum(), picture_root.square().sum()
    distance = means + traces[0] + traces[1] - 2 * common
    # Rounding can make it negative.
    return max(0.0, distance.item())


def compute_kid(sample: Tensor, picture: Tensor) -> float:
    """Kernel distance: squared maximum mean discrepancy of features.

    The kernel is (x.y / features + 1)^3. It is 0 in the mean for equal distributions, and slightly
    negative by chance (Binkowski et al. 2018). Unbiased: its mean
    does not depend on the number of pictures. Papers often print it times 1,000; this is the number
    itself.
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
    return torch.stack(discrepancies).mean().item()


def compute_density(sample: Tensor, picture: Tensor) -> float:
    """Mean number of real pictures' neighbourhoods that a sample lies in, divided by k = 5.

    1 in the mean for equal distributions (Naeem et al. 2020). A
    neighbourhood is the ball around a real picture that reaches to its fifth nearest other one. It
    says how likely samples are, not how varied: copies of one common picture score above 1. Read
    it together with `coverage`.
    """
    inside = sum(part.sum().item() for part in _find_neighbours(sample, picture))
    return inside / (NEIGHBOURS * len(sample))


def compute_coverage(sample: Tensor, picture: Tensor) -> float:
    """Share of the real pictures with a sample in their neighbourhood, as `density` defines it.

    Naeem et al. 2020: 1 - 1/2^5 = 0.97 in the mean for equal
    distributions and as many samples as pictures. Depends on the number of samples: compare at
    equal numbers.
    """
    covered = 0
    for inside in _find_neighbours(sample, picture):
        covered += int(inside.any(dim=1).sum())
    return covered / len(picture)


# --- registration


COMPARISONS: dict[str, tuple[Compare, str, str]] = {
    "fid": (compute_fid, "feature^2", "min"),
    "kid": (compute_kid, "1", "min"),
    "density": (compute_density, "1", "max"),
    "coverage": (compute_coverage, "fraction", "max"),
}
"""The first part of a metric's name -> a function of two sets of features, unit, direction."""
RANGES: dict[str, Range] = {
    "fid": (0, None),
    "kid": (None, None),
    "density": (0, None),
    "coverage": (0, 1),
}
"""The first part of a metric's name -> its smallest and its largest possible value."""


def register(network: FeatureNetwork) -> None:
    """Register the metrics in a network's features, and the features that they need."""
    samples = f"sample_features_{network.name}"
    pictures = f"picture_features_{network.name}"
    _register_features(samples, "sample", partial(extract_features, network.name), network)
    # Real pictures are the same for every point, so their features are cached.
    extract = partial(extract_cached_features, network.name)
    _register_features(pictures, "picture", extract, network)
    for kind, (compare, unit, direction) in COMPARISONS.items():
        name = f"{kind}_{network.name}"
        minimum = MIN_PICTURES[name]

        # It is defined here, and not in a helper, so that the fingerprint of its code covers all
        # that this function refers to.
        def compute(outputs: dict[str, Tensor], compare=compare) -> float:
            return compare(outputs[samples].double(), outputs[pictures].double())

        note = f"Computed from {minimum:,} test pictures or more, and as many samples."
        compute.__doc__ = f"{compare.__doc__}\n    {note}\n    {network.doc}\n"
        add_metric = register_metric(
            name,
            needs=(samples, pictures),
            unit=unit,
            direction=direction,
            when="test",
            min_examples=minimum,
            range=RANGES[kind],
            roles=(Role.GENERATED,),
        )
        add_metric(compute)


def _register_features(
    name: str, source: str, extract: partial[Tensor], network: FeatureNetwork
) -> None:
    extract.__doc__ = f"Features [B, features] of each {source}, by {network.name}."
    register_derived(name, (source,))(extract)


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
        # The nearest picture is itself, at a distance of 0.
        k = min(NEIGHBOURS + 1, len(picture))
        radius = torch.cdist(chunk, picture).kthvalue(k, dim=1).values
        yield torch.cdist(chunk, sample) < radius[:, None]


for _network in select_networks():
    register(_network)
