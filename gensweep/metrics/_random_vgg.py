"""VGG-11 with random weights: features of colours, edges and textures that need no download."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

DRAWS = 5
"""Draws of the narrow network's weights."""
NARROW = 4
"""The narrow network has this many times fewer filters."""
_VGG_11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Filters of its convolutions, between poolings."""


def build_random_vgg() -> nn.Module:
    """Return the convolutions of VGG-11 (Simonyan and Zisserman 2015), mean over positions.

    Weights are He-normal, drawn with seed 0.
    """
    return _build(seed=0, divisor=1)


def build_random_vggs() -> nn.Module:
    """Return five narrow VGG-11s with other weights each; their features follow each other."""
    import torch
    from torch import nn

    class Draws(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.draws = nn.ModuleList(
                _build(seed, NARROW) for seed in range(DRAWS)
            )

        def forward(self, pictures: Tensor) -> Tensor:
            return torch.cat([draw(pictures) for draw in self.draws], 1)

    return Draws()


def _build(seed: int, divisor: int) -> nn.Module:
    import torch
    from torch import nn

    rng = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    channels = 3
    for stage in _VGG_11:
        for width in stage:
            filters = width // divisor
            weights = torch.empty(filters, channels, 3, 3)
            nn.init.kaiming_normal_(
                weights, nonlinearity="relu", generator=rng
            )
            # On `meta` the layer draws no weights, so no global random state changes.
            convolution = nn.Conv2d(
                channels, filters, 3, padding=1, device="meta"
            )
            convolution.weight = nn.Parameter(weights)
            convolution.bias = nn.Parameter(torch.zeros(filters))
            layers += [convolution, nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
