"""Metrics of generated pictures against real ones, in the vectors of a feature network.

Each is called after its network: `fid_random_vgg` compares in the default one, `fid_inception` in one that
`GENSWEEP_FEATURES` chooses. None is measured of too few pictures: `gensweep.core.soundness` says of how many, and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from gensweep.core.registries import metric, register_derived
from gensweep.core.soundness import MIN_PICTURES
from gensweep.metrics._features import (
    FeatureNetwork,
    extract_cached_features,
    extract_features,
    select_networks,
)

if TYPE_CHECKING:
    from torch import Tensor

NEIGHBOURS = 5
SUBSET = 1000
"""Pictures that KID compares at once; of more, it is the mean over ten drawn subsets."""
_CHUNK = 1000


def fid(sample: Tensor, picture: Tensor) -> float:
    """Fréchet distance of the normal distributions fitted to features of samples and of held-out pictures.

    Range 0 and up, lower is better (Heusel et al. 2017): |m - n|^2 + tr(S) + tr(T) - 2 tr((S T)^1/2) of means m, n and
    covariances S, T. Biased: it falls as pictures are added. Compare at equal numbers.
    """
    import torch

    if not (sample.isfinite().all() and picture.isfinite().all()):
        return float("nan")
    # Of S = A'A and T = B'B, the eigenvalues of S T are the squares of the singular values of A B'.
    one, other = _root_of_covariance(sample), _root_of_covariance(picture)
    common = torch.linalg.svdvals(one @ other.T).sum()
    means = (sample.mean(0) - picture.mean(0)).square().sum()
    distance = means + one.square().sum() + other.square().sum() - 2 * common
    return max(0.0, distance.item())  # rounding goes below


def kid(sample: Tensor, picture: Tensor) -> float:
    """Kernel distance: squared maximum mean discrepancy of features, with the kernel (x.y / features + 1)^3.

    Range: 0 in the mean for equal distributions, slightly negative by chance, no upper bound; lower is better
    (Binkowski et al. 2018). Unbiased: its mean does not depend on the number of pictures. Papers often print it times
    1,000; this is the number itself.
    """
    import torch

    rng = torch.Generator().manual_seed(0)
    subset = min(len(sample), len(picture), SUBSET)
    subsets = 1 if max(len(sample), len(picture)) <= SUBSET else 10
    found = []
    for _ in range(subsets):
        real, made = (
            each[torch.randperm(len(each), generator=rng)[:subset]] for each in (picture, sample)
        )
        found.append(_discrepancy(real, made))
    return torch.stack(found).mean().item()


def density(sample: Tensor, picture: Tensor) -> float:
    """How many real pictures' neighbourhoods a sample lies in, on average, over k = 5.

    Range 0 and up, higher is better, 1 in the mean for equal distributions (Naeem et al. 2020). A neighbourhood is the
    ball around a real picture that reaches to its fifth nearest other one. Says how likely samples are, not how
    varied: copies of one common picture score above 1. Read it beside `coverage`.
    """
    inside = sum(part.sum().item() for part in _inside(sample, picture))
    return inside / (NEIGHBOURS * len(sample))


def coverage(sample: Tensor, picture: Tensor) -> float:
    """Share of the real pictures with a sample in their neighbourhood, as `density` defines it.

    Range 0 to 1, higher is better (Naeem et al. 2020); 1 - 1/2^5 = 0.97 in the mean for equal distributions and as
    many samples as pictures. Depends on the number of samples: compare at equal numbers.
    """
    covered = sum(part.any(dim=1).sum().item() for part in _inside(sample, picture))
    return covered / len(picture)


def register(network: FeatureNetwork) -> None:
    """Register the four metrics in a network's features, and the features that they need."""
    names = tuple(f"{kind}_features_{network.name}" for kind in ("sample", "picture"))
    for name, kind, function in zip(
        names, ("sample", "picture"), (extract_features, extract_cached_features), strict=True
    ):
        extract = partial(function, network.name)
        extract.__doc__ = f"Features [B, features] of each {kind}, by {network.name}."
        register_derived(name, (kind,))(extract)
    for compare, unit, direction in (
        (fid, "feature^2", "min"), (kid, "1", "min"), (density, "1", "max"), (coverage, "fraction", "max"),
    ):  # fmt: skip

        def measured(outputs: dict[str, Tensor], compare=compare) -> float:
            return compare(*(outputs[name].double() for name in names))

        name = f"{compare.__name__}_{network.name}"
        least = (
            f"Measured of {MIN_PICTURES[name]:,} test pictures or more, against as many samples."
        )
        measured.__doc__ = f"{compare.__doc__}\n    {least}\n    {network.doc}\n"
        metric(
            name,
            needs=names,
            unit=unit,
            direction=direction,
            when="test",
            least=MIN_PICTURES[name],
        )(measured)


def _root_of_covariance(found: Tensor) -> Tensor:
    """A matrix R [min(n, features), features] such that R'R is the covariance of features [n, features]."""
    import torch

    return torch.linalg.qr(found - found.mean(0), mode="r").R / (len(found) - 1) ** 0.5


def _discrepancy(one: Tensor, other: Tensor) -> Tensor:
    """The unbiased estimate of the squared maximum mean discrepancy of two sets of features, [n, features] each."""
    count, features = one.shape
    own, its, cross = (
        (x @ y.T / features + 1) ** 3 for x, y in ((one, one), (other, other), (one, other))
    )
    without_itself = own.sum() - own.trace() + its.sum() - its.trace()
    return without_itself / (count * (count - 1)) - 2 * cross.mean()


def _inside(sample: Tensor, picture: Tensor) -> Iterator[Tensor]:
    """Whether samples lie in the neighbourhoods of pictures: booleans [pictures, samples], some pictures at a time."""
    import torch

    for some in picture.split(_CHUNK):
        # The nearest picture is itself, at a distance of 0.
        radius = (
            torch.cdist(some, picture).kthvalue(min(NEIGHBOURS + 1, len(picture)), dim=1).values
        )
        yield torch.cdist(some, sample) < radius[:, None]


for _network in select_networks():
    register(_network)
