"""Watch one `wandb sync` process, and find out what happened to each of its files.

`wandb sync` 0.31 always ends with status 0, gives up on all files if it cannot read one, and marks
a run as uploaded even if its upload failed. Only its log has the truth. Therefore it works on links
in a separate folder, and the mark next to the real file is created here, when the log has no error.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Generator, Sequence
from pathlib import Path
from typing import IO

from gensweep.ledger.ledger import SYNCED
from gensweep.system.scratch import open_scratch
from gensweep.system.signals import defer_signals
from gensweep.tracking.sync_journal import Journal

MAX_PARALLEL_UPLOADS = 8
"""Number of runs that one process uploads at the same time."""
_START_SECONDS = 60.0
"""Time limit for the first line of output: importing W&B takes long on some disks."""
_POLL_SECONDS = 0.2
_TERMINATE_SECONDS = 5
_LINK_ERROR = re.compile(r"ERROR .*?/link-(\d{6})\S*(.*)")
_PROJECT_URL = re.compile(
    r"View run .* at (https?://\S+)/runs/[^/\s]+$", re.MULTILINE
)
_MISSING_FILE = re.compile(r"no such file|cannot find the (file|path)")
"""An error that a repeated upload cannot fix."""
_ENVIRONMENT = {
    "WANDB_SILENT": "false",
    "WANDB_QUIET": "false",
    "WANDB_ERROR_REPORTING": "false",
}
_log = logging.getLogger(__name__)


class Upload:
    """An upload of some files.

    Args:
        files: `.wandb` files of different runs.
        arguments: further arguments of `wandb sync`.
        timeout: seconds without progress after which to give up.
        show_progress: called repeatedly with the uploaded files, and with the reason if W&B tries
            a request again.

    Attributes:
        uploaded: file -> what is missing in it for good; empty if nothing is.
        unreadable: file -> why it has no content to upload.
        failed: file -> why it could not be uploaded now. A file in none of the three was not tried.
        trouble: why the process ended too early.
        urls: addresses of the projects.
    """

    def __init__(
        self,
        files: Sequence[Path],
        arguments: Sequence[str],
        timeout: float,
        show_progress: Callable[[Collection[Path], str | None], None],
    ) -> None:
        self.uploaded: dict[Path, str] = {}
        self.unreadable: dict[Path, str] = {}
        self.failed: dict[Path, str] = {}
        self.trouble: str | None = None
        self.urls: set[str] = set()
        self._files = list(files)
        self._arguments = list(arguments)
        self._timeout = timeout
        self._show_progress = show_progress

    def run(self) -> None:
        """Upload the files; however it ends, uploaded files are marked and the process is gone."""
        with open_scratch() as folder:
            links = []
            for number, file in enumerate(self._files):
                links.append(_link_run(folder / f"link-{number:06d}", file))
            run_ids = [file.stem.removeprefix("run-") for file in self._files]
            self._journal = Journal(folder, run_ids)
            command = [
                sys.executable,
                "-P",
                "-m",
                "wandb",
                "sync",
                "--include-online",
            ]
            command += [
                "-n",
                str(MAX_PARALLEL_UPLOADS),
                *self._arguments,
                *map(str, links),
            ]
            environment = (
                os.environ | _ENVIRONMENT | {"WANDB_DIR": str(folder)}
            )
            # The helper of another process has that process's settings.
            environment.pop("WANDB_SERVICE", None)
            with (folder / "output").open(
                "w+", encoding="utf-8", errors="replace"
            ) as output:
                try:
                    with _start_process(
                        command, environment, output
                    ) as process:
                        self._watch(process, links, output)
                finally:
                    self._mark_uploaded(links)
                output.seek(0)
                self._judge(process.poll(), output.read())

    def _watch(
        self,
        process: subprocess.Popen[bytes],
        links: Sequence[Path],
        output: IO[str],
    ) -> None:
        """Show the progress until the process ends; return early if there is none."""
        state = (0, 0)
        changed_at = time.monotonic()
        while process.poll() is None:
            self._mark_uploaded(links)
            self._show_progress(self.uploaded, self._journal.retry_reason)
            # The process prints a line for every change.
            output_bytes = os.fstat(output.fileno()).st_size
            current_state = (output_bytes, len(self.uploaded))
            timeout = self._timeout
            if not output_bytes:
                timeout = max(timeout, _START_SECONDS)
            if current_state != state:
                state = current_state
                changed_at = time.monotonic()
            elif time.monotonic() - changed_at > timeout:
                no_answer = f"no answer for {self._timeout:g} s"
                self.trouble = self._journal.retry_reason or no_answer
                return
            time.sleep(_POLL_SECONDS)

    def _mark_uploaded(self, links: Sequence[Path]) -> None:
        """Mark the files that were uploaded without an error."""
        marked = []
        for number, link in enumerate(links):
            if link.with_name(link.name + SYNCED).exists():
                marked.append(number)
        # Read the log after the marks: an error of a file is logged before the file is marked.
        self._journal.read()
        if not self._journal.exists:
            return
        for number in marked:
            file = self._files[number]
            error = self._journal.errors.get(number)
            is_final = error is None or _MISSING_FILE.search(error)
            if file not in self.uploaded and is_final:
                self._mark(file, error or "")

    def _mark(self, file: Path, missing: str) -> None:
        file.with_name(file.name + SYNCED).touch()
        self.uploaded[file] = missing

    def _judge(self, status: int | None, output: str) -> None:
        """Find the reason for every file that is not uploaded."""
        journal = self._journal
        _log.debug("wandb sync ended with %s:\n%s", status, output)
        self.urls |= set(_PROJECT_URL.findall(output))
        for digits, reason in _LINK_ERROR.findall(output):
            number = int(digits)
            if number not in journal.started:
                self.unreadable[self._files[number]] = (
                    reason.strip() or "it does not exist"
                )
        for number, file in enumerate(self._files):
            if file in self.uploaded or file in self.unreadable:
                continue
            error = journal.errors.get(number)
            is_cut_short = (
                number in journal.cut_short and number in journal.closed
            )
            if error and not _MISSING_FILE.search(error):
                self.failed[file] = error
            elif is_cut_short and not self.trouble:
                self._mark(file, "cut short by the end of its process")
        if self.uploaded or self.unreadable or self.failed or self.trouble:
            return
        reason = output.strip().rpartition("\n")[2]
        if not status and not journal.exists:
            reason = "without the log that wandb 0.31 writes"
        self.trouble = f"wandb sync ended with status {status}: {reason}"


def _link_run(folder: Path, file: Path) -> Path:
    """Create a folder with links to the files of a run, but without its marks."""
    folder.mkdir()
    for path in file.parent.iterdir():
        if path.suffix != SYNCED:
            (folder / path.name).symlink_to(path.resolve())
    (folder / "files").mkdir(exist_ok=True)
    return folder / file.name


@contextlib.contextmanager
def _start_process(
    command: Sequence[str], environment: dict[str, str], output: IO[str]
) -> Generator[subprocess.Popen[bytes]]:
    """Start a process that asks nothing, and end it with the block.

    W&B's own helper process ends with it.
    """
    process = None
    try:
        # A signal between the start and the assignment would leave the process alone.
        with defer_signals():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        yield process
    finally:
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_TERMINATE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
