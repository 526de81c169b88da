"""Batches of codes as tries: equal beginnings are there once, and are computed once."""

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

    Nodes are numbered level after level; the children of a node are neighbours, in the order of the level above.
    The last level has one node per sequence, even if sequences are equal.

    Attributes:
        codes: of each node, [N].
        firsts: the first child of each node above the last level, and then N: [N - B + 1].
        leaves: the node of the last level in which each sequence ends, counted from that level's first, [B].
        steps: number of levels, T.
    """

    codes: Tensor
    firsts: Tensor
    leaves: Tensor
    steps: int

    @classmethod
    def of(cls, sequences: Tensor) -> Self:
        """Return the trie of codes [B, T] on the CPU; T is at least 1."""
        codes = sequences.numpy()
        order = np.lexsort(codes.T[::-1])
        levels = codes[order].T
        begins = np.ones(
            levels.shape, bool
        )  # where a sequence's beginning differs from that of the one before it
        np.logical_or.accumulate(levels[:-1, 1:] != levels[:-1, :-1], axis=0, out=begins[:-1, 1:])
        nodes = begins.ravel().cumsum().reshape(levels.shape) - 1
        firsts = np.append(nodes[1:][begins[:-1]], begins.sum())
        leaves = np.empty_like(order)
        leaves[order] = np.arange(len(order))
        return cls(*map(torch.from_numpy, (levels[begins], firsts, leaves)), len(levels))

    @property
    def inner(self) -> int:
        """Return the number of nodes that have children."""
        return len(self.firsts) - 1

    def parts(self, field: str) -> dict[str, Tensor]:
        """Return the entries of a batch that hold the trie of a field."""
        return {f"{field}/{name}": getattr(self, name) for name in _PARTS}

    @classmethod
    def from_parts(cls, batch: Mapping[str, Tensor], field: str) -> Self | None:
        """Return the trie of a batch that has such entries; else None."""
        parts = [batch[name] for part in _PARTS if (name := f"{field}/{part}") in batch]
        return cls(*parts, batch[field].shape[1]) if parts else None

    def paths(self) -> Tensor:
        """Return the nodes on the way to each node of the last level, itself included: [T, B]."""
        parents = torch.repeat_interleave(torch.arange(self.inner), self.firsts.diff())
        first = len(self.codes) - len(parents)  # node of the second level
        paths = [torch.arange(self.inner, len(self.codes))]
        for _ in range(self.steps - 1):
            paths.append(parents[paths[-1] - first])
        return torch.stack(paths[::-1])
