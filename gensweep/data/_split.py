"""The check that every dataset makes before anything is built."""

from __future__ import annotations

from functools import lru_cache

from gensweep.core.dataset import select_training_rows, split_rows

MIN_EXAMPLES = 7
"""round(.7) = 1 to test, of the other six round(.6) = 1 to validate."""


@lru_cache(maxsize=256)
def check_split(n: int, train_fraction: float) -> None:
    """Make sure that ``n`` examples leave some to test, to validate and to train on.

    Raises:
        ValueError: one of the three sets would be empty.
    """
    split = split_rows(n, split_seed=0)
    for name in ("test", "validation"):
        if not len(split[name]):
            raise ValueError(
                f"{n} examples leave none for the {name} set; {MIN_EXAMPLES} are the least"
            )
    select_training_rows(split, train_fraction)
