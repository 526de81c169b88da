"""The order in which a run starts points."""

from __future__ import annotations

from enum import StrEnum


class Order(StrEnum):
    """In which order points are started; it changes no number.

    With `longest` a run ends soonest, since no long trial is left alone at the end. With `seeds`
    one seed of every cell comes first, so that tables fill evenly. `random` is a fixed shuffle:
    an early, even picture of a large grid.
    """

    longest = "longest"
    seeds = "seeds"
    random = "random"
