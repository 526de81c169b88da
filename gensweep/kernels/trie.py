"""Batches of codes as tries: what begins alike is there once, and need be computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

_PARTS = "codes", "firsts", "leaves"


@dataclass(frozen=True)
class Trie:
    """Sequences of codes [B, T] as a trie (Fredkin 1960): a node for every beginning, a level for every step.

    Nodes are numbered level after level; those that follow a node lie side by side, in the order of the level above.
    The last level has one for each sequence, equal or not.

    Attributes:
        codes: each node's, [N].
        firsts: of each node above the last level, the first that follows it; behind them N: [N - B + 1].
        leaves: which of the last level's nodes each sequence ends in, [B].
        steps: levels, T.
    """

    codes: Tensor
    firsts: Tensor
    leaves: Tensor
    steps: int

    @classmethod
    def of(cls, sequences: Tensor) -> Self:
        """The trie of codes [B, T] on the CPU, one step at least."""
        codes = sequences.numpy()
        order = np.lexsort(codes.T[::-1])
        levels = codes[order].T
        begins = np.ones(levels.shape, bool)  # where a sequence begins otherwise than the one before it
        np.logical_or.accumulate(levels[:-1, 1:] != levels[:-1, :-1], axis=0, out=begins[:-1, 1:])
        nodes = begins.ravel().cumsum().reshape(levels.shape) - 1
        firsts = np.append(nodes[1:][begins[:-1]], begins.sum())
        leaves = np.empty_like(order)
        leaves[order] = np.arange(len(order))
        return cls(*map(torch.from_numpy, (levels[begins], firsts, leaves)), len(levels))

    @property
    def inner(self) -> int:
        """How many nodes others follow."""
        return len(self.firsts) - 1

    def parts(self, field: str) -> dict[str, Tensor]:
        """What a batch says of it, beside the sequences of a field."""
        return {f"{field}/{name}": getattr(self, name) for name in _PARTS}

    @classmethod
    def found(cls, batch: Mapping[str, Tensor], field: str) -> Self | None:
        """What `parts` said, if it did."""
        parts = [batch[name] for part in _PARTS if (name := f"{field}/{part}") in batch]
        return cls(*parts, batch[field].shape[1]) if parts else None

    def paths(self) -> Tensor:
        """The nodes that each one of the last level was reached by, and itself: [T, B]."""
        parents = torch.repeat_interleave(torch.arange(self.inner), self.firsts.diff())
        first = len(self.codes) - len(parents)  # that follows one
        paths = [torch.arange(self.inner, len(self.codes))]
        for _ in range(self.steps - 1):
            paths.append(parents[paths[-1] - first])
        return torch.stack(paths[::-1])
