"""Metrics of generated pictures against real ones, in the vectors of a feature network.

Each is named after its network: `kid_x1000_efficientnet_lite0` compares in the default one,
`fid_inception` in one that `GENSWEEP_FEATURES` names. None is computed from too few pictures:
`gensweep.core.soundness` says how many are needed, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import Range, register_derived, register_metric
from gensweep.core.roles import Role
from gensweep.core.soundness import MIN_PICTURES
from gensweep.metrics._features import (
    FeatureNetwork,
    extract_cached_features,
    extract_features,
    select_networks,
)
from gensweep.metrics._set_distances import (
    compute_coverage,
    compute_density,
    compute_fid,
    compute_kid,
    compute_kid_interval,
    compute_mind,
)

if TYPE_CHECKING:
    from torch import Tensor

    Compare = Callable[[Tensor, Tensor], float]

COMPARISONS: dict[str, tuple[Compare, str, str, Range]] = {
    "kid_x1000": (compute_kid, "1e-3", "min", (None, None)),
    "kid_interval": (compute_kid_interval, "1e-3", "none", (0, None)),
    "fid": (compute_fid, "feature^2", "min", (0, None)),
    "mind": (compute_mind, "feature", "min", (0, None)),
    "density": (compute_density, "1", "max", (0, None)),
    "coverage": (compute_coverage, "fraction", "max", (0, 1)),
}
"""First part of a metric's name -> function of two sets of features, unit, direction, range."""


def compare_draws(
    compare: Compare, sample: Tensor, picture: Tensor, draws: int
) -> list[float]:
    """Return a comparison in the features of each draw of a network's weights.

    Args:
        compare: a function of two sets of features.
        sample, picture: features of all draws, one after the other [n, draws x features].
        draws: how many.
    """
    pairs = zip(
        sample.double().chunk(draws, dim=1),
        picture.double().chunk(draws, dim=1),
        strict=True,
    )
    return [compare(samples, pictures) for samples, pictures in pairs]


def register(network: FeatureNetwork) -> None:
    """Register the metrics in a network's features, and the features that they need."""
    samples = f"sample_features_{network.name}"
    pictures = f"picture_features_{network.name}"
    _register_features(samples, "sample", extract_features, network)
    # Real pictures are the same for every point, so their features are cached.
    _register_features(pictures, "picture", extract_cached_features, network)
    needs = (samples, pictures)
    for kind, (compare, unit, direction, limits) in COMPARISONS.items():
        name = f"{kind}_{network.name}"

        # It is defined here, and not in a helper, so that the fingerprint of its code covers all
        # that this function refers to.
        def compute(outputs: dict[str, Tensor], compare=compare) -> float:
            values = compare_draws(
                compare, outputs[samples], outputs[pictures], network.draws
            )
            return median(values)

        compute.__doc__ = _document(compare.__doc__ or "", name, network)
        _add_metric(name, needs, unit, direction, limits)(compute)
    if network.draws == 1:
        return
    name = f"kid_spread_{network.name}"

    def compute_spread(outputs: dict[str, Tensor]) -> float:
        """Difference of the largest and the smallest `kid_x1000` over draws of the weights.

        Differences of models below it may be an accident of the weights.
        """
        values = compare_draws(
            compute_kid, outputs[samples], outputs[pictures], network.draws
        )
        return max(values) - min(values)

    compute_spread.__doc__ = _document(
        compute_spread.__doc__ or "", name, network
    )
    _add_metric(name, needs, "1e-3", "none", (0, None))(compute_spread)


def _document(doc: str, name: str, network: FeatureNetwork) -> str:
    """Return the documentation of a comparison in a network's features."""
    note = f"Computed from {MIN_PICTURES[name]:,} test pictures or more, and as many samples."
    return f"{doc}\n    {note}\n    {network.doc}\n"


def _add_metric(
    name: str,
    needs: tuple[str, ...],
    unit: str,
    direction: str,
    limits: Range,
) -> Callable[[Any], Any]:
    # What says how sure another metric is does not rank models.
    roles = () if direction == "none" else (Role.GENERATED,)
    return register_metric(
        name,
        needs=needs,
        unit=unit,
        direction=direction,
        when="test",
        min_examples=MIN_PICTURES[name],
        range=limits,
        roles=roles,
    )


def _register_features(
    name: str,
    source: str,
    extract: Callable[..., Tensor],
    network: FeatureNetwork,
) -> None:
    compute = partial(extract, network.name)
    compute.__doc__ = (
        f"Features [B, features] of each {source}, by {network.name}."
    )
    register_derived(name, (source,))(compute)


for _network in select_networks():
    register(_network)
