"""The exception tree: what a user did wrong, apart from what went wrong."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import Any


class GensweepError(Exception):
    """Base of every error that gensweep raises on purpose; pickled, as Ray does, it keeps type and message."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own calls the class with its message, whatever its constructor takes.
        return _rebuild, (type(self), self.args, self.__dict__)


class UserError(GensweepError):
    """The call, a sweep file or a results folder is wrong; the command line exits with status 2."""


class SweepError(UserError):
    """A sweep file, grid or parameter is wrong."""


class UnknownName(UserError):
    """A name that no registry knows."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], place: str = "") -> None:
        super().__init__(describe_unknown(kind, name, valid, place))


class ResultsError(UserError):
    """A results folder cannot be used."""


class OtherCode(UserError):
    """A worker has other code than its driver."""


class Unavailable(OSError):
    """A results root does not answer, or refuses: no point is to blame. The message names the place and the reason."""

    @staticmethod
    def of(error: OSError, place: str) -> Unavailable:
        """Return the refusal of a file system as one of the results root's.

        Args:
            error: what the file system said.
            place: the file, in words; used where the error names none.
        """
        unavailable = Unavailable(f"{error.filename or place}: {error.strerror or error}")
        unavailable.errno = error.errno
        return unavailable

    @property
    def is_full(self) -> bool:
        """Whether there is no room left, which no small file can tell that is written to find out."""
        return self.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


def _rebuild(
    kind: type[GensweepError], args: tuple[Any, ...], state: dict[str, Any]
) -> GensweepError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def describe_unknown(kind: str, name: str, valid: Iterable[str], place: str = "") -> str:
    """Name what is unknown, the nearest valid name, and every valid one."""
    names = sorted(valid)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    where = f" in {place}" if place else ""
    guess = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {name!r}{where}{guess} Valid: {', '.join(names) or 'none'}."
