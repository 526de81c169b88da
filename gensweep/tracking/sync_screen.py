"""The progress of an upload: a bar on a terminal, and lines otherwise."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from gensweep.system.text import print_line

if TYPE_CHECKING:
    from gensweep.system.terminal import Console


class SyncScreen:
    """Shows a bar on a terminal, else a line for every tenth of the runs; a context manager.

    Args:
        console: the console to print to.
        total: the number of runs.
    """

    def __init__(self, console: Console, total: int) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("ETA", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_live,
        )
        self._task = self._bar.add_task("", total=total)
        self._console = console
        self._total = total
        self._printed_count = 0
        self._printed_reasons: set[str | None] = {None}

    def __enter__(self) -> SyncScreen:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, done: int, retry_reason: str | None) -> None:
        """Show the progress.

        Args:
            done: the number of uploaded runs.
            retry_reason: why W&B tries a request again; None if it does not.
        """
        description = (
            f"W&B had to try again: {retry_reason}" if retry_reason else ""
        )
        self._bar.update(self._task, completed=done, description=description)
        if self._console.is_live:
            return
        if retry_reason not in self._printed_reasons:
            self._printed_reasons.add(retry_reason)
            print_line(self._console, description)
        tenths = done * 10 // self._total
        if tenths > self._printed_count * 10 // self._total:
            self._printed_count = done
            print_line(self._console, f"[{done}/{self._total}] uploaded")
