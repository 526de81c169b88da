"""The status of a point."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Status of a point. Files hold the values."""

    OK = "ok"
    DIVERGED = "diverged"
    FAILED = "failed"
    MISSING = "missing"
    """No record; never written."""
    CLAIMED = "claimed"
    """In reports of a trial only: another process trains the point."""
    STORE_UNAVAILABLE = "unkept"
    """In reports of a trial only: the results root did not take the record."""


STATUSES = (Status.OK, Status.DIVERGED, Status.FAILED)
"""Those that a record can have."""
