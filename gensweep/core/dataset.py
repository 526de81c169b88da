"""The arrays of a dataset, and its splits.

The arrays are plain NumPy arrays, so that all workers on a machine can share them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1
"""Share of the pool, which is everything but the test set."""


@dataclass(frozen=True)
class DatasetArrays:
    """A dataset in memory.

    Attributes:
        rows: arrays with one entry an example, [n, ...]. uint8 arrays of three or more axes are
            pictures [n, (channels,) height, width] in 0..255; others are integer codes.
            `attributes`, if it is there, are what people would list of a picture, [n, attributes].
        banks: arrays that examples share, such as all pictures of digits.
        lookups: fields that are read from a bank: name -> (row array of indices, bank).
        split: row indices of `test`, `validation` and `pool` (training examples, in order: every
            smaller training set is the beginning of it).
        notes: remarks for people, such as pictures that were left out.
        counts: numbers of examples that are not here, by reason: `copies`, `left_out`.
        attributes: name of each column of `attributes` -> names of its codes.
    """

    rows: dict[str, np.ndarray]
    split: dict[str, np.ndarray]
    banks: dict[str, np.ndarray] = field(default_factory=dict)
    lookups: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(next(iter(self.rows.values())))


def split_rows(n: int, split_seed: int) -> dict[str, np.ndarray]:
    """Split ``n`` examples by one fixed permutation.

    A tenth is the test set, the rest the pool; the last tenth of the pool is the validation set.
    Training sets are the beginning of the pool, so a larger one contains every smaller one.

    Args:
        n: number of examples.
        split_seed: seed of the permutation; the seed of the point does not matter.

    Returns:
        Row indices: `test`, `validation`, `pool` (the complete pool, with the validation set).
    """
    order = np.random.Generator(np.random.PCG64(split_seed)).permutation(n)
    tests = round(n * TEST_SHARE)
    pool = order[tests:]
    validations = round(len(pool) * VALIDATION_SHARE)
    return {
        "test": order[:tests],
        "validation": pool[len(pool) - validations :],
        "pool": pool,
    }


def select_training_rows(
    split: dict[str, np.ndarray], train_fraction: float
) -> np.ndarray:
    """Return the first ``train_fraction`` of the pool, without the validation set.

    Raises:
        ValueError: the fraction leaves no example.
    """
    pool = split["pool"]
    # The validation set is the end of the pool; a fraction near 1 must not reach into it.
    count = min(
        round(len(pool) * train_fraction),
        len(pool) - len(split["validation"]),
    )
    if count < 1:
        raise ValueError(
            f"train_fraction {train_fraction} of {len(pool)} examples leaves none to train on"
        )
    return pool[:count]
