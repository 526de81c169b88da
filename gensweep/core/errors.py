"""The exceptions of gensweep.

    Exception
    ├── GensweepError                  raised on purpose
    │   ├── UserError                  the user can correct the cause; exit status 2
    │   │   ├── SweepError             a sweep file, a grid or a parameter
    │   │   ├── UnknownNameError       a name that is not in a registry
    │   │   ├── ResultsError           a results folder
    │   │   ├── CodeMismatchError      a worker runs other code than its driver
    │   │   ├── ReportError            a W&B report (report/wandb_report)
    │   │   ├── ReportItemError        a table or figure of a user's own function
    │   │   └── DataError              a dataset
    │   │       └── FetchError         a download
    │   │           └── _CutOffError   an incomplete download, which is tried again
    │   ├── RecordError                a record.json
    │   │   └── NewerSchemaError       a record of a later gensweep
    │   ├── CheckpointError            a checkpoint of other code or another point (train)
    │   ├── DivergedError              a loss that is not a finite number (train)
    │   ├── ClaimedError               another process trains the point
    │   ├── LostClaimError             a later attempt has taken over the point
    │   ├── TaskError                  a task that breaks a rule (trial)
    │   ├── NetworkError               a user's network returns what it must not (trial)
    │   ├── MetricError                a user's metric returns something else than a number
    │   ├── ProcessDiedError           a point whose attempts ended their processes (trial)
    │   ├── NodeError                  a node on which no actor starts (cluster)
    │   └── RayDiedError               a process that Ray needs has ended
    ├── OSError
    │   ├── StoreError                 a results root that does not answer
    │   └── NotRegularFileError        a pipe, a device or a huge file (system)
    └── ValueError
        └── PictureError               bytes that are not a picture (data)

`Stopped` (system) and `_Interruption` (inspect) are no errors, but interruptions as
KeyboardInterrupt is: a signal, and the end of a training that `check` goes on with.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import Any

from gensweep.core.values import show_value


class GensweepError(Exception):
    """Base of every error that gensweep raises on purpose.

    Ray pickles errors. Type and message survive that.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited method would call the class with the message as its only argument.
        return _rebuild, (type(self), self.args, self.__dict__)


class UserError(GensweepError):
    """The call, a sweep file or a results folder is wrong; the command line exits with status 2."""


class SweepError(UserError):
    """A sweep file, grid or parameter is wrong."""


class UnknownNameError(UserError):
    """A name is not in a registry."""

    def __init__(
        self, kind: str, name: str, valid: Iterable[str], owner: str = ""
    ) -> None:
        super().__init__(describe_unknown(kind, name, valid, owner))


class ResultsError(UserError):
    """A results folder cannot be used."""


class CodeMismatchError(UserError):
    """A worker runs different code from its driver."""


class StoreError(OSError):
    """A results root does not answer, or refuses access; no point is to blame.

    The message names the file and the reason.
    """

    @staticmethod
    def from_os_error(error: OSError, name: str) -> StoreError:
        """Return an error of a file system as an error of the results root.

        Args:
            error: the error of the file system.
            name: the file, in words; used if the error does not name one.
        """
        unavailable = StoreError(
            f"{error.filename or name}: {error.strerror or error}"
        )
        unavailable.errno = error.errno
        return unavailable

    @property
    def is_full(self) -> bool:
        """Return whether the disk is full. A small test file cannot show this: it may still fit."""
        return self.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RayDiedError(GensweepError):
    """A process that Ray needs has ended; the points in training are not to blame."""


class ReportItemError(UserError):
    """A user's function of a table or figure returns something else, or with wrong arguments."""


class DataError(UserError):
    """A dataset is missing, damaged, or not what it claims to be; the message says what to do."""


class FetchError(DataError):
    """A download failed; nothing of it was stored."""


class RecordError(GensweepError):
    """A record.json is cut short, edited, of another point, or of a newer schema."""


class NewerSchemaError(RecordError):
    """A file was written by a later gensweep than this one."""


class ClaimedError(GensweepError):
    """Another process is training the point."""


class LostClaimError(GensweepError):
    """A later attempt has taken over the point; this one must stop and write nothing more."""


def _rebuild(
    kind: type[GensweepError], args: tuple[Any, ...], state: dict[str, Any]
) -> GensweepError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def describe_unknown(
    kind: str, name: str, valid: Iterable[str], owner: str = ""
) -> str:
    """Return a message that names what is unknown, the nearest valid name, and all valid names.

    Args:
        kind: the kind of thing, such as `parameter`.
        name: the unknown name.
        valid: the names that exist.
        owner: the thing that the name would belong to, such as `sweep 'layers'`.
    """
    names = sorted(valid)
    shown = show_value(name)
    text = name if isinstance(name, str) else shown
    near = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
    message = f"unknown {kind} {shown}"
    if owner:
        message += f" in {owner}"
    message += f"; did you mean {near[0]!r}?" if near else "."
    return f"{message} Valid: {', '.join(names) or 'none'}."
