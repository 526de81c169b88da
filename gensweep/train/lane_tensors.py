"""Tensors with an axis of lanes in front: joined, selected, and clipped lane by lane."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def concat_lanes(tensors: Iterable[Tensor]) -> Tensor:
    """Return lanes one after another, each in its own memory order.

    With that order, a lane computes the same numbers by itself and among others.
    """
    parts = list(tensors)
    example = parts[0]
    counts = [len(part) for part in parts]
    shape, strides = example.shape[1:], example.stride()[1:]
    joined = torch.empty_strided(
        (sum(counts), *shape),
        (math.prod(shape), *strides),
        dtype=example.dtype,
        device=example.device,
    )
    for lanes, part in zip(joined.split(counts), parts, strict=True):
        lanes.copy_(part)
    return joined


def match_layout(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient with the lanes' axis, in the parameter's order in memory.

    A fused step reads both in the order of their memory, without looking at strides.
    """
    if gradient.ndim < parameter.ndim:
        gradient = gradient.unsqueeze(0)
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def select_lanes(tensor: Tensor, lanes: slice) -> Tensor:
    """Return some lanes of a tensor."""
    # To make a view takes as long as a small product, so all lanes are the tensor itself.
    if lanes.stop - lanes.start == len(tensor):
        return tensor
    return tensor[lanes]


def clip_gradients(gradients: Iterable[Tensor], limit: float) -> None:
    """Scale each lane's gradients down to a norm of ``limit`` over all parameters, in place.

    Pascanu et al. 2013.
    """
    gradients = list(gradients)
    norms = [gradient.flatten(1).norm(dim=1) for gradient in gradients]
    total_norm = torch.stack(norms).norm(dim=0)
    scale = (limit / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        trailing = [1] * (gradient.ndim - 1)
        gradient.mul_(scale.view(-1, *trailing))
