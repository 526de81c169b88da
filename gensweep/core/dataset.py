"""Prepared data: plain NumPy arrays, so that they can be shared by every worker of a machine, and its splits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class DatasetArrays:
    """A dataset in memory.

    Attributes:
        rows: arrays of one entry an example, [n, ...]. uint8 arrays of three or more axes are
            pictures [n, (channels,) height, width] in 0..255; others are integer codes.
        banks: arrays that examples share, such as every digit picture.
        lookups: fields that are read from a bank: name -> (row array of indices, bank).
        split: row indices of `test`, `validation` and `pool` (training examples, in order: the
            first of them are every smaller training set).
        notes: what a person should know of it, such as pictures that were left out.
        counts: what became of examples that are not here: `copies`, `left_out`.
    """

    rows: dict[str, np.ndarray]
    split: dict[str, np.ndarray]
    banks: dict[str, np.ndarray] = field(default_factory=dict)
    lookups: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many examples there are."""
        return len(next(iter(self.rows.values())))


def split_rows(n: int, split_seed: int) -> dict[str, np.ndarray]:
    """Split ``n`` examples by one fixed permutation.

    A tenth is the test set, the rest the pool; the pool's last tenth is the validation set.
    Training sets are the first part of the pool, so smaller ones lie inside larger ones.

    Args:
        n: number of examples.
        split_seed: seed of the permutation; the point's own seed plays no part.

    Returns:
        Row indices: `test`, `validation`, `pool` (all of the pool, validation part included).
    """
    order = np.random.Generator(np.random.PCG64(split_seed)).permutation(n)
    tests = round(n * TEST_SHARE)
    pool = order[tests:]
    validations = round(len(pool) * VALIDATION_SHARE)
    return {"test": order[:tests], "validation": pool[len(pool) - validations :], "pool": pool}


def select_training_rows(split: dict[str, np.ndarray], train_fraction: float) -> np.ndarray:
    """The first ``train_fraction`` of the pool, never reaching into the validation set.

    Raises:
        ValueError: the fraction leaves no example.
    """
    pool = split["pool"]
    count = min(round(len(pool) * train_fraction), len(pool) - len(split["validation"]))
    if count < 1:
        raise ValueError(
            f"train_fraction {train_fraction} of {len(pool)} examples leaves none to train on"
        )
    return pool[:count]
