"""Metrics of samples against the pictures that were trained on: copies, and colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_derived, register_metric
from gensweep.core.soundness import MIN_PICTURES
from gensweep.metrics.losses import mean

if TYPE_CHECKING:
    from torch import Tensor

TOOL = "training_pictures"


@register_derived("sample_distance", ("sample",), tool=TOOL)
def measure_sample_distance(sample: Tensor, training_pictures: Any) -> Tensor:
    """Distance of each sample to the nearest training picture [B]."""
    return training_pictures.measure_distances(sample)


@register_derived("picture_distance", ("picture",), tool=TOOL)
def measure_picture_distance(
    picture: Tensor, training_pictures: Any
) -> Tensor:
    """Distance of each held-out picture to the nearest training picture [B]."""
    return training_pictures.measure_distances(picture)


@register_derived("palette_share", ("sample",), tool=TOOL)
def measure_palette_share(sample: Tensor, training_pictures: Any) -> Tensor:
    """Share of each sample's pixels that have a colour of the training pictures [B]."""
    return training_pictures.measure_palette_shares(sample)


@register_metric(
    "memorization_ratio",
    needs=("sample_distance", "picture_distance"),
    unit="1",
    direction="none",
    when="test",
    min_examples=MIN_PICTURES["memorization_ratio"],
    range=(0, None),
)
def compute_memorization_ratio(outputs: dict[str, Tensor]) -> float | None:
    """Mean distance of samples to their nearest training picture, over that of held-out pictures.

    1 in the mean for fresh pictures of the same distribution, and 0 for copies of
    training pictures. Well below 1 says that the network repeats what it was trained on; above 1
    that samples are unlike any picture. Blurred samples lie near the middle of many pictures, and
    score low without being copies: look at `density` too. Distances are root mean squares over
    pictures scaled to 16x16. Not defined if every held-out picture is a training picture.
    """
    held_out = mean(outputs["picture_distance"])
    return mean(outputs["sample_distance"]) / held_out if held_out else None


@register_metric(
    "palette_share",
    needs=("palette_share",),
    unit="fraction",
    direction="max",
    when="test",
    range=(0, 1),
)
def compute_palette_share(outputs: dict[str, Tensor]) -> float | None:
    """Share of the samples' pixels whose colour is one of the training pictures' colours.

    1 for pixel art that is copied exactly. Colours count as equal
    within 4 to 7 levels of 255 in each channel. Not defined if the pictures are not pixel art, as
    photographs have nearly every colour.
    """
    share = mean(outputs["palette_share"])
    return None if math.isnan(share) else share
