"""Networks that turn pictures into vectors, in which metrics compare sets of pictures.

The user chooses them by name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.errors import UnknownNameError
from gensweep.core.soundness import FEATURE_COUNTS, FEATURES_VARIABLE
from gensweep.metrics._efficientnet import (
    build_efficientnet,
    check_efficientnet,
    find_efficientnet,
)
from gensweep.metrics._inception import build_inception, check_inception
from gensweep.metrics._random_vgg import (
    DRAWS,
    build_random_vgg,
    build_random_vggs,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

BATCH_SIZE = 16
"""Pictures that a network sees together: more need more memory, and are no faster."""
MAX_BATCHES_CACHED = 512
"""Batches of real pictures: 168 MB of the largest default features, of 32,768 pictures."""
_CACHE: dict[tuple[str, bytes], Tensor] = {}
Numbers = tuple[float, float, float]
_IMAGENET_MEANS = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)
_LITE_MEANS = (127 / 255, 127 / 255, 127 / 255)
_LITE_DEVIATIONS = (128 / 255, 128 / 255, 128 / 255)


@dataclass(frozen=True)
class FeatureNetwork:
    """A network in which metrics of generated pictures compare.

    Attributes:
        name: the last part of the metrics' names.
        doc: sentences about the network, for the end of the metrics' documentation.
        build: returns it: from normalised pictures [B, 3, H, W] to vectors [B, features].
        side: pictures are scaled to so many pixels a side first; None: they keep their size.
        draws: networks of other random weights in it, each with an equal share of the features.
        means, deviations: of the colours, by which pictures are normalised.
        check: makes sure, without torch, that it can be built here; raises `UserError`.
    """

    name: str
    doc: str
    build: Callable[[], nn.Module]
    side: int | None = None
    draws: int = 1
    means: Numbers = _IMAGENET_MEANS
    deviations: Numbers = _IMAGENET_DEVIATIONS
    check: Callable[[], None] = lambda: None


def select_networks() -> list[FeatureNetwork]:
    """Return the networks named in `GENSWEEP_FEATURES`, separated by commas; or the default ones.

    Raises:
        UnknownNameError: there is no network of that name.
        UserError: this machine lacks something that one of them needs.
    """
    names = [
        name.strip()
        for name in os.environ.get(FEATURES_VARIABLE, "").split(",")
    ]
    names = [name for name in names if name] or list_default_names()
    for name in names:
        if name not in NETWORKS:
            raise UnknownNameError(
                f"{FEATURES_VARIABLE} network", name, NETWORKS
            )
    networks = [NETWORKS[name] for name in dict.fromkeys(names)]
    for network in networks:
        network.check()
    return networks


def list_default_names() -> list[str]:
    """Return the trained network, where its weights are installed, and the random ones.

    One network's word is not enough to say that a model is better than another one.
    """
    names = ["random_vggs"]
    if find_efficientnet() is not None:
        names.insert(0, "efficientnet_lite0")
    return names


def extract_cached_features(name: str, pictures: Tensor) -> Tensor:
    """Return `extract_features` of pictures that the next point will show again.

    They are cached in this process by the pictures' content.
    """
    digest = hashlib.sha256(pictures.cpu().numpy().data).digest()
    key = (name, digest)
    if key not in _CACHE:
        while len(_CACHE) >= MAX_BATCHES_CACHED:
            oldest = next(iter(_CACHE))
            del _CACHE[oldest]
        _CACHE[key] = extract_features(name, pictures).cpu()
    return _CACHE[key]


def extract_features(name: str, pictures: Tensor) -> Tensor:
    """Return vectors [B, features] of pictures [B, 3, H, W] in 0..1, by the network of a name."""
    import torch

    network = NETWORKS[name]
    module = _load_network(name, pictures.device)
    means = pictures.new_tensor(network.means).view(3, 1, 1)
    deviations = pictures.new_tensor(network.deviations).view(3, 1, 1)
    features = []
    for batch in pictures.split(BATCH_SIZE):
        normalised = (_scale(batch, network) - means) / deviations
        features.append(
            module(normalised.contiguous(memory_format=torch.channels_last))
        )
    return torch.cat(features)


def _scale(pictures: Tensor, network: FeatureNetwork) -> Tensor:
    """Return pictures at the size that the network wants."""
    from torch.nn import functional as F

    if network.side is None:
        return pictures
    # Pixel art too: enlarged without smoothing, it is so flat that noise of 3 levels of 255 moves
    # features further than any other damage, and more noise moves them back.
    size = (network.side, network.side)
    return F.interpolate(pictures, size=size, mode="bilinear", antialias=True)


@lru_cache(maxsize=4)
def _load_network(name: str, device: torch.device) -> nn.Module:
    import torch

    network = NETWORKS[name].build().eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last).to(device)


_RANDOM = (
    "They see colours, edges and textures, of any kind of picture, but no objects, and cannot be "
    "compared with published numbers; embeddings of random networks rank models sensibly (Naeem "
    "et al. 2020)."
)
NETWORKS = {
    network.name: network
    for network in (
        FeatureNetwork(
            "efficientnet_lite0",
            f"Features: the {FEATURE_COUNTS['efficientnet_lite0']:,} of EfficientNet-Lite0 before "
            "its classifier, with ImageNet's weights, of pictures scaled to 128x128, bilinear and "
            "antialiased, pixel art too.",
            build_efficientnet,
            side=128,
            means=_LITE_MEANS,
            deviations=_LITE_DEVIATIONS,
            check=check_efficientnet,
        ),
        FeatureNetwork(
            "random_vggs",
            f"Features: {FEATURE_COUNTS['random_vggs']} means over positions of the last "
            f"convolutions of a VGG-11 with a quarter of its filters and random weights. The "
            f"value is the median over {DRAWS} draws of the weights. {_RANDOM}",
            build_random_vggs,
            draws=DRAWS,
        ),
        FeatureNetwork(
            "random_vgg",
            "Features: 512 means over positions of the last convolutions of a VGG-11 with fixed "
            f"random weights. {_RANDOM}",
            build_random_vgg,
        ),
        FeatureNetwork(
            "inception",
            "Features: the 2,048 of InceptionV3 before its classifier, with torchvision's "
            "ImageNet weights, of pictures scaled to 299x299. Published FIDs use other weights of "
            "the same network: close, not equal.",
            build_inception,
            side=299,
            check=check_inception,
        ),
    )
}
