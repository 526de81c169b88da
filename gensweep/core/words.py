"""Words for numbers."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 point``, ``3 points``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
