"""Networks that turn pictures into vectors, in which sets of pictures are compared; by name, and chosen by the user."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import UnknownName, UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

VARIABLE = "GENSWEEP_FEATURES"
DEFAULT = "random_vgg"
INCEPTION_WEIGHTS = "inception_v3_google-0cc3c7bd.pth"
"""The file of torchvision's ImageNet weights, as torch.hub keeps it."""
AT_ONCE = 16
"""Pictures that a network sees together: more need more memory, and are no faster."""
MOST_KEPT = 512
"""Batches of real pictures whose features are kept: 64 MB of the default network's, 32,768 pictures."""
_KEPT: dict[tuple[str, bytes], Tensor] = {}
_VGG_11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Filters of its convolutions, between poolings."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that metrics of generated pictures compare in.

    Attributes:
        doc: what it is, in sentences that end the metrics' documentation.
        build: makes it: pictures [B, 3, H, W], normalised as ImageNet's, to vectors [B, features].
        side: pictures are scaled to so many pixels a side first; None: they are left as they are.
        check: makes sure, without torch, that it can be built here; raises `UserError`.
    """

    name: str
    doc: str
    build: Callable[[], nn.Module]
    side: int | None = None
    check: Callable[[], None] = lambda: None


def select_networks() -> list[FeatureNetwork]:
    """The networks named in `GENSWEEP_FEATURES`, separated by commas; `random_vgg` where it is not set.

    Raises:
        UnknownName: one of them is none.
        UserError: what one of them needs is not on this machine.
    """
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    for name in names:
        if name not in NETWORKS:
            raise UnknownName(f"{VARIABLE} network", name, NETWORKS)
    networks = [NETWORKS[name] for name in dict.fromkeys(names or [DEFAULT])]
    for network in networks:
        network.check()
    return networks


def extract_cached_features(name: str, pictures: Tensor) -> Tensor:
    """`extract_features` of pictures that come again with the next point: kept in this process by their content."""
    key = (name, hashlib.sha256(pictures.cpu().numpy().data).digest())
    if key not in _KEPT:
        while len(_KEPT) >= MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = extract_features(name, pictures).cpu()
    return _KEPT[key]


def extract_features(name: str, pictures: Tensor) -> Tensor:
    """Vectors [B, features] of pictures [B, 3, H, W] in 0..1, by the network of that name."""
    import torch
    from torch.nn import functional as F

    entry, network = NETWORKS[name], _built(name, pictures.device)
    mean, deviation = (pictures.new_tensor(values).view(3, 1, 1) for values in (_MEAN, _DEVIATION))
    found = []
    for some in pictures.split(AT_ONCE):
        if entry.side:
            some = F.interpolate(
                some, size=(entry.side, entry.side), mode="bilinear", antialias=True
            )
        found.append(
            network(((some - mean) / deviation).contiguous(memory_format=torch.channels_last))
        )
    return torch.cat(found)


@lru_cache(maxsize=4)
def _built(name: str, device: torch.device) -> nn.Module:
    import torch

    return (
        NETWORKS[name]
        .build()
        .eval()
        .requires_grad_(False)
        .to(memory_format=torch.channels_last)
        .to(device)
    )


def _random_vgg() -> nn.Module:
    """The convolutions of VGG-11 (Simonyan and Zisserman 2015) with He-normal weights of seed 0, mean over places."""
    import torch
    from torch import nn

    rng = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    before = 3
    for stage in _VGG_11:
        for filters in stage:
            weights = nn.init.kaiming_normal_(
                torch.empty(filters, before, 3, 3), nonlinearity="relu", generator=rng
            )
            convolution = nn.Conv2d(
                before, filters, 3, padding=1, device="meta"
            )  # draws no weights of its own
            convolution.weight, convolution.bias = (
                nn.Parameter(weights),
                nn.Parameter(torch.zeros(filters)),
            )
            layers += [convolution, nn.ReLU(inplace=True)]
            before = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(1))


def _inception() -> nn.Module:
    """InceptionV3 (Szegedy et al. 2016) with torchvision's ImageNet weights, up to its last pooling."""
    import torch
    from torch import nn
    from torchvision.models import inception_v3

    with torch.device("meta"):
        network = inception_v3(weights=None, init_weights=False, aux_logits=True)
    path = _inception_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), assign=True)
    network.fc, network.AuxLogits = nn.Identity(), None
    return network


def _check_inception() -> None:
    if not _inception_path().is_file():
        raise UserError(
            f"{VARIABLE}=inception: {_inception_path()} is not here, and nothing is downloaded; put torchvision's "
            f"weights there (inception_v3, IMAGENET1K_V1), or unset {VARIABLE}"
        )


def _inception_path() -> Path:
    """Where torch.hub keeps the weights, without asking torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return (
        Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser()
        / "hub/checkpoints"
        / INCEPTION_WEIGHTS
    )


NETWORKS = {
    network.name: network
    for network in (
        FeatureNetwork(
            DEFAULT,
            "Features: 512 means over places of the last convolutions of a VGG-11 with fixed random weights. They see "
            "colours, edges and textures, of any kind of picture, but no objects, and are comparable with no "
            "published number; embeddings of random networks rank models sensibly (Naeem et al. 2020).",
            _random_vgg,
        ),
        FeatureNetwork(
            "inception",
            "Features: the 2,048 of InceptionV3 before its classifier, with torchvision's ImageNet weights, of "
            "pictures scaled to 299x299. Published FIDs use other weights of the same network: close, not equal.",
            _inception,
            side=299,
            check=_check_inception,
        ),
    )
}
