"""Roles of metrics, which each metric declares when it is registered.

Reports choose metrics by their role and never by their name. So a new metric
takes part in rankings, figures and questions without a change elsewhere.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles of a metric: its subject, and its place in reports; it may have several."""

    ANSWERS = "answers"
    """Answers to queries, in characters: figures show what the model answers."""
    DRAWN_ANSWERS = "drawn_answers"
    """Answers to queries, as pictures: figures show the pictures too."""
    READ = "read"
    """What a reader of digits reads in drawn answers; it does not count with a poor reader."""
    ATTRIBUTES = "attributes"
    """What a reader of attributes reads in pictures; it does not count with a poor reader."""
    RECONSTRUCTIONS = "reconstructions"
    """Pictures that went through a latent vector."""
    GENERATED = "generated"
    """Generated pictures, against as many pictures of the test set."""
    COMPARED = "compared"
    """Questions about a model are asked by this metric too, not by its main metric only."""
    COMPACT = "compact"
    """It stands beside the main metric in the compact table of a paper."""


ROLES = tuple(role.value for role in Role)
"""The names of the roles."""


def format_range(bounds: tuple[float | None, float | None]) -> str:
    """Return a range in words: ``0 to 1``, ``0 and up``, ``any number``."""
    smallest, largest = bounds
    if smallest is None and largest is None:
        return "any number"
    if largest is None:
        return f"{smallest:g} and up"
    if smallest is None:
        return f"up to {largest:g}"
    return f"{smallest:g} to {largest:g}"
