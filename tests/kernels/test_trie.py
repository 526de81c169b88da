"""Tries of batches: what begins alike is there once."""

from __future__ import annotations

import itertools

import pytest
import torch

from gensweep.kernels.trie import Trie


def test_a_small_one() -> None:
    """ab, ba, aa, ab: beginnings a and b, then, in alphabetical order, aa, ab, ab and ba."""
    trie = Trie.from_sequences(torch.tensor([[0, 1], [1, 0], [0, 0], [0, 1]]))
    assert trie.codes.tolist() == [0, 1, 0, 1, 1, 0]
    assert trie.firsts.tolist() == [2, 5, 6]  # of a, of b, and how many there are
    assert trie.leaves.tolist() == [1, 3, 0, 2]
    assert (trie.inner_count, trie.steps) == (2, 2)
    assert trie.list_paths().tolist() == [[0, 0, 0, 1], [2, 3, 4, 5]]


@pytest.mark.parametrize(
    ("batch", "steps", "codes"),
    [(1, 1, 3), (1, 4, 3), (50, 5, 3), (50, 1, 3), (40, 6, 1), (0, 3, 2)],
)
def test_has_a_node_for_every_beginning(batch: int, steps: int, codes: int) -> None:
    sequences = torch.randint(codes, (batch, steps), generator=torch.Generator().manual_seed(0))
    trie = Trie.from_sequences(sequences)
    beginnings = sum(
        len({tuple(row[: step + 1]) for row in sequences.tolist()}) for step in range(steps - 1)
    )
    assert trie.inner_count == beginnings and len(trie.codes) == beginnings + batch
    paths = trie.list_paths()
    assert torch.equal(trie.codes[paths[:, trie.leaves]].T, sequences)
    for above, below in itertools.pairwise(paths):
        assert ((trie.firsts[above] <= below) & (below < trie.firsts[above + 1])).all()


def test_a_batch_says_it_or_not() -> None:
    query = torch.tensor([[3, 1], [3, 2]])
    batch = {"query": query} | Trie.from_sequences(query).to_entries("query")
    result = Trie.from_entries(batch, "query")
    assert result is not None and result.steps == 2 and result.codes.tolist() == [3, 1, 2]
    assert Trie.from_entries({"query": query}, "query") is None
