"""Batches of codes as tries: sequences that begin alike share what they begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

_ENTRIES = ("codes", "firsts", "leaves")


@dataclass(frozen=True)
class Trie:
    """Sequences of codes [B, T] as a trie (Fredkin 1960): a node per beginning, a level per step.

    Nodes are numbered level after level; the children of a node are neighbours, in the order of the
    level above. The last level has one node per sequence, even if sequences are equal.

    Attributes:
        codes: of each node, [N].
        firsts: the first child of each node above the last level, and then N: [N - B + 1].
        leaves: the node of the last level in which each sequence ends, counted from that level's
            first, [B].
        steps: number of levels, T.
    """

    codes: Tensor
    firsts: Tensor
    leaves: Tensor
    steps: int

    @classmethod
    def from_sequences(cls, sequences: Tensor) -> Self:
        """Return the trie of codes [B, T] on the CPU; T is at least 1."""
        codes = sequences.numpy()
        # `lexsort` sorts by its last key first, so the steps are reversed.
        order = np.lexsort(codes.T[::-1])
        levels = codes[order].T
        # Of each step and sequence: is its beginning another one than that of the sequence before?
        is_new = np.ones(levels.shape, bool)
        differs = levels[:-1, 1:] != levels[:-1, :-1]
        np.logical_or.accumulate(differs, axis=0, out=is_new[:-1, 1:])
        nodes = is_new.ravel().cumsum().reshape(levels.shape) - 1
        firsts = np.append(nodes[1:][is_new[:-1]], is_new.sum())
        leaves = np.empty_like(order)
        leaves[order] = np.arange(len(order))
        return cls(
            torch.from_numpy(levels[is_new]),
            torch.from_numpy(firsts),
            torch.from_numpy(leaves),
            len(levels),
        )

    @property
    def inner_count(self) -> int:
        """Return the number of nodes that have children."""
        return len(self.firsts) - 1

    def to_entries(self, field: str) -> dict[str, Tensor]:
        """Return the entries of a batch that hold the trie of a field."""
        return {f"{field}/{name}": getattr(self, name) for name in _ENTRIES}

    @classmethod
    def from_entries(
        cls, batch: Mapping[str, Tensor], field: str
    ) -> Self | None:
        """Return the trie of a batch that has such entries; else None."""
        if f"{field}/{_ENTRIES[0]}" not in batch:
            return None
        entries = [batch[f"{field}/{name}"] for name in _ENTRIES]
        return cls(*entries, batch[field].shape[1])

    def list_paths(self) -> Tensor:
        """Return the nodes on the way to each node of the last level, itself included: [T, B]."""
        parents = torch.repeat_interleave(
            torch.arange(self.inner_count), self.firsts.diff()
        )
        # The nodes of the first level have no parents, so `parents` begins with the second level.
        second_level = len(self.codes) - len(parents)
        paths = [torch.arange(self.inner_count, len(self.codes))]
        for _ in range(self.steps - 1):
            paths.append(parents[paths[-1] - second_level])
        return torch.stack(paths[::-1])
