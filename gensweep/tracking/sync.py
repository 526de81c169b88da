"""Upload of what W&B logged offline: again and again, until all is there, and each line once.

A point's attempt writes its run whole, under the point's own id, so an upload that is repeated writes the same lines to
the same places. W&B's mark beside a `.wandb` file says that this one is there.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.system.text import pluralize, print_line
from gensweep.tracking.pending import PendingRun, find_pending
from gensweep.tracking.sync_process import Upload

if TYPE_CHECKING:
    from gensweep.system.terminal import Console

BATCH = 100
"""Points that one process uploads."""
_LOGIN = re.compile(r"\b401\b|permission denied")


def sync(
    folders: Sequence[str],
    console: Console,
    project: str | None = None,
    entity: str | None = None,
    dry: bool = False,
    patience: float = 120.0,
) -> bool:
    """Upload the runs of all points of these sweeps that are not there yet.

    Args:
        folders: the sweeps'.
        console: where to say what is done.
        project: W&B's; None: the one that each run was logged to.
        entity: W&B's user or team; None: the one that each run was logged to, else WANDB_ENTITY, else the login's own.
        dry: only say what there is to upload.
        patience: seconds without any progress after which to give up.

    Returns:
        Whether all is there that can be.

    Raises:
        ResultsError: a folder is no sweep's.
        UserError: nobody is logged in.
    """
    found = find_pending(folders, project, entity)
    if dry or not found.waiting:
        print_line(console, found.describe())
        for waiting in found.waiting:
            print_line(console, f"  {waiting.point}")
        return True
    print_line(console, found.describe(_login()))
    with _Screen(console, len(found.waiting)) as screen:
        uploads = _Uploads(found.waiting, ["-p", project] if project else [], patience, screen)
        try:
            uploads.run()
        finally:
            for one in found.waiting:
                one.keep()
    return uploads.report(console)


def _login() -> str:
    """The server that W&B would log in to, found as W&B finds it.

    Raises:
        UserError: there is no login for it, or one that cannot be used.
    """
    from wandb.errors import AuthenticationError
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    try:
        host = wandb_setup.singleton().settings.base_url
        login = wbauth.authenticate_session(
            host=host, source="gensweep sync", prompt=False, update_session=False
        )
    except AuthenticationError as error:
        raise UserError(
            f"W&B cannot use its login: {error} Log in anew: wandb login --relogin"
        ) from None
    except ValueError as error:  # WANDB_BASE_URL is no URL, say
        raise UserError(f"W&B cannot use its settings: {' '.join(str(error).split())}") from None
    if login is None:
        raise UserError(
            f"not logged in at {host}: run wandb login --host {host}, or set WANDB_API_KEY; nothing was uploaded"
        )
    return host


class _Uploads:
    """All uploads of one call, a batch of points after the other.

    Args:
        waiting: what to upload.
        arguments: further ones of `wandb sync`.
        patience: as in `sync`.
        screen: what to keep up to date.
    """

    def __init__(
        self,
        waiting: Sequence[PendingRun],
        arguments: Sequence[str],
        patience: float,
        screen: _Screen,
    ) -> None:
        self._all, self._arguments, self._patience, self._screen = (
            waiting,
            list(arguments),
            patience,
            screen,
        )
        self._uploaded: dict[Path, str] = {}
        self._unreadable: dict[Path, str] = {}
        self._failed: dict[Path, str] = {}
        self._trouble: str | None = None
        self._urls: set[str] = set()

    def run(self) -> None:
        """Upload until all is there, or nothing more gets there."""
        todo = deque(sorted(self._all, key=lambda one: one.entity))
        while todo:
            entity, batch = todo[0].entity, []
            while todo and len(batch) < BATCH and todo[0].entity == entity:
                batch.append(todo.popleft())
            files = [
                one.files[0] for one in batch
            ]  # a later attempt's comes last, which a batch would not promise
            arguments = self._arguments + (["-e", entity] if entity else [])
            upload = Upload(files, arguments, self._patience, self._tell)
            upload.run()
            self._uploaded |= upload.uploaded
            self._unreadable |= upload.unreadable
            self._failed |= upload.failed
            self._urls |= upload.urls
            self._trouble = upload.trouble
            if upload.trouble or not (upload.uploaded or upload.unreadable):
                break
            settled = upload.uploaded.keys() | upload.unreadable.keys()
            for one in reversed(
                batch
            ):  # W&B tries no other of a batch with one that it cannot read
                left = tuple(file for file in one.files if file not in settled)
                if left and not upload.failed.keys() & set(left):
                    todo.appendleft(replace(one, files=left))
        self._tell((), None)

    def _tell(self, uploaded: Collection[Path], again: str | None) -> None:
        there = self._uploaded.keys() | set(uploaded)
        self._screen.show(sum(there.issuperset(one.files) for one in self._all), again)

    def report(self, console: Console) -> bool:
        """Say what became of them; returns whether all is there that can be."""
        settled = self._uploaded.keys() | self._unreadable.keys()
        left = [one for one in self._all if not settled.issuperset(one.files)]
        done = [
            one
            for one in self._all
            if settled.issuperset(one.files) and self._uploaded.keys() & set(one.files)
        ]
        if done:
            print_line(
                console, f"Uploaded {pluralize(len(done), 'run')}: {', '.join(sorted(self._urls))}"
            )
        for why, count in Counter(filter(None, self._uploaded.values())).items():
            print_line(console, f"{pluralize(count, 'file')} uploaded as far as can be: {why}")
        for file, why in self._unreadable.items():
            print_line(console, f"left out: {file} has no run: {why.partition('. ')[0]}")
        if left:
            reasons = Counter(self._failed.values())
            for why in dict.fromkeys([*reasons, *filter(None, [self._trouble])]):
                refused = (
                    "W&B refuses this login (wandb login --relogin; --wandb-entity): "
                    if _LOGIN.search(why)
                    else ""
                )
                print_line(console, f"error: {refused}{why}", style="red")
            are = "is" if len(left) == 1 else "are"
            print_line(
                console,
                f"{pluralize(len(left), 'run')} {are} not uploaded; the same command goes on from here.",
            )
        return not left


class _Screen:
    """How far the upload is: a bar on a terminal, a line for every tenth elsewhere; a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        text = TextColumn("{task.description}", markup=False)
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("ETA", markup=False),
            TimeRemainingColumn(compact=True),
            text,
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_live)
        self._task = self._bar.add_task("", total=total)
        self._console, self._total, self._shown, self._told = console, total, 0, {None}

    def __enter__(self) -> _Screen:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, done: int, again: str | None) -> None:
        """Show how many runs are there, and why W&B has to try something again."""
        trouble = f"W&B had to try again: {again}" if again else ""
        self._bar.update(self._task, completed=done, description=trouble)
        if self._console.is_live:
            return
        if again not in self._told:
            self._told.add(again)
            print_line(self._console, trouble)
        if done * 10 // self._total > self._shown * 10 // self._total:
            self._shown = done
            print_line(self._console, f"[{done}/{self._total}] uploaded")
