"""Upload the runs that W&B logged offline; it can be repeated until all of them are uploaded.

A point's attempt writes its complete run under the point's own id, so a repeated upload writes the
same lines to the same places. W&B's mark next to a `.wandb` file says that it is uploaded.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.system.text import pluralize, print_line
from gensweep.tracking.pending import PendingRun, find_pending
from gensweep.tracking.sync_process import Upload
from gensweep.tracking.sync_screen import SyncScreen

if TYPE_CHECKING:
    from gensweep.system.terminal import Console

MAX_BATCH_POINTS = 100
"""Number of points that one `wandb sync` process uploads."""
_LOGIN_ERROR = re.compile(r"\b401\b|permission denied")


def sync(
    folders: Sequence[str],
    console: Console,
    project: str | None = None,
    entity: str | None = None,
    dry: bool = False,
    timeout: float = 120.0,
) -> bool:
    """Upload the pending runs of all points of these sweeps.

    Args:
        folders: the folders of the sweeps.
        console: the console to print to.
        project: the W&B project; None: the project that each run was logged to.
        entity: the W&B user or team; None: the entity that each run was logged to, else
            WANDB_ENTITY, else the default of the login.
        dry: only print what would be uploaded.
        timeout: seconds without progress after which to give up.

    Returns:
        True if everything is uploaded that can be.

    Raises:
        ResultsError: a folder is not that of a sweep.
        UserError: nobody is logged in.
    """
    pending = find_pending(folders, project, entity)
    runs = pending.runs
    if dry or not runs:
        print_line(console, pending.describe())
        for run in runs:
            print_line(console, f"  {run.point}")
        return True
    print_line(console, pending.describe(find_login()))
    arguments = ["-p", project] if project else []
    with SyncScreen(console, len(runs)) as screen:
        uploads = _Uploads(runs, arguments, timeout, screen)
        try:
            uploads.run()
        finally:
            # Whatever ended the upload: what is uploaded must not be uploaded again.
            for run in runs:
                run.store_marks()
    return uploads.report(console)


def find_login() -> str:
    """Return the server to log in to, found as W&B finds it.

    Raises:
        UserError: there is no login for it, or an invalid one.
    """
    from wandb.errors import AuthenticationError
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    try:
        host = wandb_setup.singleton().settings.base_url
        login = wbauth.authenticate_session(
            host=host,
            source="gensweep sync",
            prompt=False,
            update_session=False,
        )
    except AuthenticationError as error:
        raise UserError(
            f"W&B cannot use its login: {error} Log in again: wandb login --relogin"
        ) from None
    except ValueError as error:
        # For example, WANDB_BASE_URL is not a URL.
        reason = " ".join(str(error).split())
        raise UserError(f"W&B cannot use its settings: {reason}") from None
    if login is None:
        raise UserError(
            f"not logged in at {host}: run wandb login --host {host}, or set WANDB_API_KEY; "
            "nothing was uploaded"
        )
    return host


class _Uploads:
    """All uploads of one call, in batches of points.

    Args:
        runs: the runs to upload.
        arguments: further arguments of `wandb sync`.
        timeout: as in `sync`.
        screen: shows the progress.
    """

    def __init__(
        self,
        runs: Sequence[PendingRun],
        arguments: Sequence[str],
        timeout: float,
        screen: SyncScreen,
    ) -> None:
        self._runs = runs
        self._arguments = list(arguments)
        self._timeout = timeout
        self._screen = screen
        self._uploaded: dict[Path, str] = {}
        self._unreadable: dict[Path, str] = {}
        self._failed: dict[Path, str] = {}
        self._trouble: str | None = None
        self._urls: set[str] = set()

    def run(self) -> None:
        """Upload until everything is uploaded, or no further upload succeeds."""
        # One process has one entity, so equal entities must be neighbours.
        todo = deque(sorted(self._runs, key=lambda run: run.entity))
        while todo:
            batch = _take_batch(todo)
            upload = self._upload(batch)
            if upload.trouble or not (upload.uploaded or upload.unreadable):
                break
            settled = upload.uploaded.keys() | upload.unreadable.keys()
            # Reversed, since each goes to the front of the queue. W&B tries no other file of a
            # batch in which it cannot read one, so the others are tried again.
            for run in reversed(batch):
                remaining = tuple(
                    file for file in run.files if file not in settled
                )
                has_failed = bool(upload.failed.keys() & set(remaining))
                if remaining and not has_failed:
                    todo.appendleft(replace(run, files=remaining))
        self._show_progress((), None)

    def _upload(self, batch: Sequence[PendingRun]) -> Upload:
        # One file per point: a batch has no order, but the file of the latest attempt must be
        # uploaded last.
        files = [run.files[0] for run in batch]
        arguments = list(self._arguments)
        entity = batch[0].entity
        if entity:
            arguments += ["-e", entity]
        upload = Upload(files, arguments, self._timeout, self._show_progress)
        upload.run()
        self._uploaded |= upload.uploaded
        self._unreadable |= upload.unreadable
        self._failed |= upload.failed
        self._urls |= upload.urls
        self._trouble = upload.trouble
        return upload

    def _show_progress(
        self, uploaded: Collection[Path], retry_reason: str | None
    ) -> None:
        files = self._uploaded.keys() | set(uploaded)
        complete = 0
        for run in self._runs:
            if files.issuperset(run.files):
                complete += 1
        self._screen.show(complete, retry_reason)

    def report(self, console: Console) -> bool:
        """Print the outcome; return True if everything is uploaded that can be."""
        settled = self._uploaded.keys() | self._unreadable.keys()
        remaining = 0
        count = 0
        for run in self._runs:
            if not settled.issuperset(run.files):
                remaining += 1
            # A run without any readable file is reported below.
            elif self._uploaded.keys() & set(run.files):
                count += 1
        if count:
            urls = ", ".join(sorted(self._urls))
            print_line(console, f"Uploaded {pluralize(count, 'run')}: {urls}")
        incomplete = Counter(filter(None, self._uploaded.values()))
        for reason, number in incomplete.items():
            files = pluralize(number, "file")
            print_line(
                console, f"{files} uploaded as far as possible: {reason}"
            )
        for file, reason in self._unreadable.items():
            print_line(
                console,
                f"left out: {file} has no run: {reason.partition('. ')[0]}",
            )
        if remaining:
            self._report_failures(console, remaining)
        return not remaining

    def _report_failures(self, console: Console, count: int) -> None:
        reasons = list(dict.fromkeys(self._failed.values()))
        if self._trouble and self._trouble not in reasons:
            reasons.append(self._trouble)
        for reason in reasons:
            hint = ""
            if _LOGIN_ERROR.search(reason):
                hint = "W&B refuses this login (wandb login --relogin; --wandb-entity): "
            print_line(console, f"error: {hint}{reason}", style="red")
        verb = "is" if count == 1 else "are"
        runs = pluralize(count, "run")
        print_line(
            console,
            f"{runs} {verb} not uploaded; repeat the command to continue.",
        )


def _take_batch(todo: deque[PendingRun]) -> list[PendingRun]:
    """Remove and return the first runs of the queue that have the same entity."""
    entity = todo[0].entity
    batch = []
    while todo and len(batch) < MAX_BATCH_POINTS and todo[0].entity == entity:
        batch.append(todo.popleft())
    return batch
