"""Check the sizes of a dataset's splits before anything is built."""

from __future__ import annotations

from functools import lru_cache

from gensweep.core.dataset import select_training_rows, split_rows

MIN_EXAMPLES = 7
"""round(.7) = 1 for the test set, and round(.6) = 1 of the other six for the validation set."""


@lru_cache(maxsize=256)
def check_split(n: int, train_fraction: float) -> None:
    """Check that ``n`` examples are enough for a test, a validation and a training set.

    Raises:
        ValueError: one of the three sets would be empty.
    """
    split = split_rows(n, split_seed=0)
    for name in ("test", "validation"):
        if len(split[name]) == 0:
            raise ValueError(
                f"{n} examples leave none for the {name} set; the minimum is {MIN_EXAMPLES}"
            )
    # Raises an error if the training set is empty.
    select_training_rows(split, train_fraction)
