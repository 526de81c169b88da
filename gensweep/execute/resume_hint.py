"""Errors of the results root during a run: they say how to resume it."""

from __future__ import annotations

from types import TracebackType

from gensweep.core.errors import ResultsError, StoreError


class ResumeHint:
    """A context manager that adds to an error of the results root how to resume the run.

    It may be entered any number of times.

    Args:
        command: the command that resumes the run. None: nothing was trained, so that errors are
            raised as they are.
    """

    def __init__(self, command: str | None) -> None:
        self._command = command

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._command is None or not isinstance(
            error, (OSError, ResultsError)
        ):
            return
        command = self._command or "the same command"
        raise StoreError(
            f"{error}; finished work is saved. To continue: {command}"
        ) from error
