"""The two ways to run trials: Ray, and this process."""

from __future__ import annotations

from enum import StrEnum


class Executor(StrEnum):
    """The ways to run trials."""

    AUTO = "auto"
    """Ray, or this process if that is at least as fast."""
    RAY = "ray"
    LOCAL = "local"
    """This process, one trial at a time."""
