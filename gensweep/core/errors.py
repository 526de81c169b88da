"""The exception tree: what a user did wrong, apart from what went wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GensweepError(Exception):
    """Base of every error that gensweep raises on purpose."""


class UserError(GensweepError):
    """The call, a sweep file or a results folder is wrong; the command line exits with status 2."""


class SweepError(UserError):
    """A sweep file, grid or parameter is wrong."""


class UnknownName(UserError):
    """A name that no registry knows."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], place: str = "") -> None:
        super().__init__(unknown(kind, name, valid, place))


class ResultsError(UserError):
    """A results folder cannot be used."""


class OtherCode(UserError):
    """A worker has other code than its driver."""


class Unavailable(OSError):
    """A results root elsewhere does not answer, or refuses; the message says what to do."""


class RayDied(GensweepError):
    """A process ended without which Ray is dead; no fault of the points that were in training."""


class DataError(UserError):
    """A dataset is not here, damaged, or not what it says it is; the message says what to do."""


class FetchError(DataError):
    """A download failed; nothing of it was kept."""


class RecordError(GensweepError):
    """A record.json is truncated, edited, foreign or of a newer schema."""


class NewerSchema(RecordError):
    """A file was written by a later gensweep than this one."""


class Claimed(GensweepError):
    """Somebody else is training the point."""


class LostClaim(GensweepError):
    """A later attempt took the point over; this one must stop and write nothing more."""


def unknown(kind: str, name: str, valid: Iterable[str], place: str = "") -> str:
    """Name what is unknown, the nearest valid name, and every valid one."""
    names = sorted(valid)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    where = f" in {place}" if place else ""
    guess = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {name!r}{where}{guess} Valid: {', '.join(names) or 'none'}."
