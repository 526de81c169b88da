"""Networks that turn pictures into vectors, in which metrics compare sets of pictures.

The user chooses them by name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import UnknownNameError, UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

VARIABLE = "GENSWEEP_FEATURES"
"""The environment variable that names networks."""
DEFAULT = "random_vgg"
INCEPTION_WEIGHTS = "inception_v3_google-0cc3c7bd.pth"
"""The file of torchvision's ImageNet weights, by torch.hub's name."""
BATCH_SIZE = 16
"""Pictures that a network sees together: more need more memory, and are no faster."""
MAX_BATCHES_CACHED = 512
"""Batches of real pictures: 64 MB of the default network's features, 32,768 pictures."""
_CACHE: dict[tuple[str, bytes], Tensor] = {}
_VGG_11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Filters of its convolutions, between poolings."""
# Of ImageNet's pictures, by colour.
_CHANNEL_MEANS = (0.485, 0.456, 0.406)
_CHANNEL_DEVIATIONS = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class FeatureNetwork:
    """A network in which metrics of generated pictures compare.

    Attributes:
        name: the last part of the metrics' names.
        doc: sentences about the network, for the end of the metrics' documentation.
        build: returns it: from pictures [B, 3, H, W], normalised as ImageNet's, to vectors
            [B, features].
        side: pictures are scaled to so many pixels a side first; None: they keep their size.
        check: makes sure, without torch, that it can be built here; raises `UserError`.
    """

    name: str
    doc: str
    build: Callable[[], nn.Module]
    side: int | None = None
    check: Callable[[], None] = lambda: None


def select_networks() -> list[FeatureNetwork]:
    """Return the networks named in `GENSWEEP_FEATURES`, separated by commas; or the default one.

    Raises:
        UnknownNameError: there is no network of that name.
        UserError: this machine lacks something that one of them needs.
    """
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",")]
    names = [name for name in names if name] or [DEFAULT]
    for name in names:
        if name not in NETWORKS:
            raise UnknownNameError(f"{VARIABLE} network", name, NETWORKS)
    networks = [NETWORKS[name] for name in dict.fromkeys(names)]
    for network in networks:
        network.check()
    return networks


def extract_cached_features(name: str, pictures: Tensor) -> Tensor:
    """Return `extract_features` of pictures that the next point will show again.

    They are cached in this process by the pictures' content.
    """
    key = (name, hashlib.sha256(pictures.cpu().numpy().data).digest())
    if key not in _CACHE:
        while len(_CACHE) >= MAX_BATCHES_CACHED:
            oldest = next(iter(_CACHE))
            del _CACHE[oldest]
        _CACHE[key] = extract_features(name, pictures).cpu()
    return _CACHE[key]


def extract_features(name: str, pictures: Tensor) -> Tensor:
    """Return vectors [B, features] of pictures [B, 3, H, W] in 0..1, by the network of a name."""
    import torch
    from torch.nn import functional as F

    side = NETWORKS[name].side
    network = _load_network(name, pictures.device)
    means = pictures.new_tensor(_CHANNEL_MEANS).view(3, 1, 1)
    deviations = pictures.new_tensor(_CHANNEL_DEVIATIONS).view(3, 1, 1)
    features = []
    for batch in pictures.split(BATCH_SIZE):
        if side:
            batch = F.interpolate(batch, size=(side, side), mode="bilinear", antialias=True)
        normalised = (batch - means) / deviations
        features.append(network(normalised.contiguous(memory_format=torch.channels_last)))
    return torch.cat(features)


@lru_cache(maxsize=4)
def _load_network(name: str, device: torch.device) -> nn.Module:
    import torch

    network = NETWORKS[name].build().eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last).to(device)


# --- VGG-11


def _build_random_vgg() -> nn.Module:
    """Return the convolutions of VGG-11 (Simonyan and Zisserman 2015), mean over positions.

    Weights are He-normal, drawn with seed 0.
    """
    import torch
    from torch import nn

    rng = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    channels = 3
    for stage in _VGG_11:
        for filters in stage:
            weights = torch.empty(filters, channels, 3, 3)
            nn.init.kaiming_normal_(weights, nonlinearity="relu", generator=rng)
            # On `meta` the layer draws no weights, so no global random state changes.
            convolution = nn.Conv2d(channels, filters, 3, padding=1, device="meta")
            convolution.weight = nn.Parameter(weights)
            convolution.bias = nn.Parameter(torch.zeros(filters))
            layers += [convolution, nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(1))


# --- InceptionV3


def _build_inception() -> nn.Module:
    """Return InceptionV3 (Szegedy et al. 2016), up to its last pooling.

    Weights are torchvision's for ImageNet.
    """
    import torch
    from torch import nn
    from torchvision.models import inception_v3

    with torch.device("meta"):
        network = inception_v3(weights=None, init_weights=False, aux_logits=True)
    weights = torch.load(_inception_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights, assign=True)
    network.fc = nn.Identity()
    network.AuxLogits = None
    return network


def _check_inception() -> None:
    path = _inception_path()
    if not path.is_file():
        raise UserError(
            f"{VARIABLE}=inception: {path} is not here, and nothing is downloaded; put "
            f"torchvision's weights there (inception_v3, IMAGENET1K_V1), or unset {VARIABLE}"
        )


def _inception_path() -> Path:
    """Return the path of the weights in torch.hub's cache."""
    # `torch.hub.get_dir()` says the same, but would import torch.
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser()
    return torch_home / "hub/checkpoints" / INCEPTION_WEIGHTS


NETWORKS = {
    DEFAULT: FeatureNetwork(
        DEFAULT,
        "Features: 512 means over positions of the last convolutions of a VGG-11 with fixed random "
        "weights. They see colours, edges and textures, of any kind of picture, but no objects, "
        "and cannot be compared with published numbers; embeddings of random networks rank models "
        "sensibly (Naeem et al. 2020).",
        _build_random_vgg,
    ),
    "inception": FeatureNetwork(
        "inception",
        "Features: the 2,048 of InceptionV3 before its classifier, with torchvision's ImageNet "
        "weights, of pictures scaled to 299x299. Published FIDs use other weights of the same "
        "network: close, not equal.",
        _build_inception,
        side=299,
        check=_check_inception,
    ),
}
