"""What `vmap` needs of autograd functions whose gradient is written by hand: an axis of lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def laned(size: int, tensors: Sequence[Tensor], dims: Sequence[int | None], places: Sequence[int]) -> list[Tensor]:
    """The tensors with their axis of lanes at these places; one that has none is every lane's."""
    return [
        tensor.unsqueeze(place).expand(*tensor.shape[:place], size, *tensor.shape[place:])
        if dim is None
        else tensor.movedim(dim, place)
        for tensor, dim, place in zip(tensors, dims, places, strict=True)
    ]


class Laned(torch.autograd.Function):
    """A function of tensors [lanes, ...], at least one lane, then of what is none; `vmap` gives it more lanes."""

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        """The same of all lanes of all lanes."""
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        count = len(tensors)
        own = laned(info.batch_size, tensors, in_dims[:count], [0] * count)
        found = cls.apply(*(tensor.flatten(0, 1) for tensor in own), *args[count:])
        if isinstance(found, Tensor):
            return found.unflatten(0, (info.batch_size, -1)), 0
        return tuple(part.unflatten(0, (info.batch_size, -1)) for part in found), (0,) * len(found)
