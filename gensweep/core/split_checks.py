"""The split for datasets of users, whose arguments may be anything."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gensweep.core import dataset
from gensweep.core.errors import DataError
from gensweep.core.values import show_value

MIN_EXAMPLES = 7
"""Fewer examples leave the test set or the validation set empty."""


def split_rows(n: int, split_seed: int) -> dict[str, np.ndarray]:
    """Split ``n`` examples by one fixed permutation.

    A tenth is the test set, the rest the pool; the last tenth of the pool is the validation set.
    Training sets are the beginning of the pool, so a larger one contains every smaller one.

    Args:
        n: number of examples.
        split_seed: seed of the permutation; the seed of the point does not matter.

    Returns:
        Row indices: `test`, `validation`, `pool` (the complete pool, with the validation set).

    Raises:
        DataError: an argument is not a whole number, or too small.
    """
    count = _read_integer("n, the number of examples,", n, MIN_EXAMPLES)
    seed = _read_integer("split_seed", split_seed, 0)
    return dataset.split_rows(count, seed)


def _read_integer(name: str, value: Any, minimum: int) -> int:
    message = (
        f"split_rows: {name} is {show_value(value)}, but it must be a whole number, "
        f"at least {minimum}"
    )
    if isinstance(value, (bool, np.ndarray)):
        raise DataError(message)
    try:
        number = operator.index(value)
    except TypeError:
        raise DataError(message) from None
    if number < minimum:
        raise DataError(message)
    return number
