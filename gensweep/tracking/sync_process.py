"""One `wandb sync` process over some `.wandb` files, watched, and what became of each of them.

`wandb sync` 0.31 ends with status 0 whatever happened, gives up on all of its files where it cannot read one, and marks
a run as uploaded even where its upload failed. What really happened stands in its log. So it works on links in a folder
of their own, and the mark beside the real file is made here, once the log knows of no error.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Generator, Sequence
from pathlib import Path
from typing import IO, Any

from gensweep.ledger.ledger import SYNCED
from gensweep.system.scratch import open_scratch
from gensweep.system.signals import defer_signals

AT_ONCE = 8
"""Runs that are uploaded at the same time."""
_START = 60.0
"""Seconds that it has for its first line: W&B is slow to import from some disks."""
_RECENT = 90.0
"""Seconds for which the reason of a request's repetition counts: W&B waits up to 60 s between two."""
_POLL = 0.2
_LINK = re.compile(r"ERROR .*?/link-(\d{6})\S*(.*)")
_URL = re.compile(r"View run .* at (https?://\S+)/runs/[^/\s]+$", re.MULTILINE)
_REQUEST = re.compile(
    r"while retrying: |\b[A-Za-z]+ \"?https?://[^\s\"]+\"?:? ?(giving up after \d+ attempt\(s\):? ?)?"
)
_HARMLESS = ("api:", "featurechecker:", "runsync: didn't print")
"""Errors that are told again by whom they harm, or of which nothing is lost."""
_GONE = re.compile(r"no such file|cannot find the (file|path)")
"""An error that no other upload would mend."""
_ENVIRONMENT = {"WANDB_SILENT": "false", "WANDB_QUIET": "false", "WANDB_ERROR_REPORTING": "false"}
_log = logging.getLogger(__name__)


class Upload:
    """An upload of some files.

    Args:
        files: `.wandb` files of different runs.
        arguments: further ones of `wandb sync`.
        patience: seconds without any progress after which it is given up.
        tell: is called again and again with the files that are done, and why W&B tries something again, if it does.

    Attributes:
        uploaded: file -> what is missing of it and will be missing for ever; empty where nothing is.
        unreadable: file -> why there is nothing in it to upload.
        failed: file -> why it could not be uploaded now. A file that stands nowhere was not tried.
        trouble: why all came to an end before its time.
        urls: of the projects.
    """

    def __init__(
        self,
        files: Sequence[Path],
        arguments: Sequence[str],
        patience: float,
        tell: Callable[[Collection[Path], str | None], None],
    ) -> None:
        self.uploaded: dict[Path, str] = {}
        self.unreadable: dict[Path, str] = {}
        self.failed: dict[Path, str] = {}
        self.trouble: str | None = None
        self.urls: set[str] = set()
        self._files, self._arguments, self._patience, self._tell = (
            list(files),
            list(arguments),
            patience,
            tell,
        )

    def run(self) -> None:
        """Upload; whatever ends it, what did get there is marked, and nothing goes on afterwards."""
        with open_scratch() as place:
            links = [
                _link(place / f"link-{number:06d}", file) for number, file in enumerate(self._files)
            ]
            self._journal = _Journal(
                place, [file.stem.removeprefix("run-") for file in self._files]
            )
            command = [
                sys.executable,
                "-P",
                "-m",
                "wandb",
                "sync",
                "--include-online",
                "-n",
                str(AT_ONCE),
            ]
            environment = os.environ | _ENVIRONMENT | {"WANDB_DIR": str(place)}
            environment.pop(
                "WANDB_SERVICE", None
            )  # another process's helper, with that process's settings
            with (place / "output").open("w+", encoding="utf-8", errors="replace") as output:
                try:
                    with _running(
                        [*command, *self._arguments, *map(str, links)], environment, output
                    ) as process:
                        self._watch(process, links, output)
                finally:
                    self._settle(links)
                output.seek(0)
                self._judge(process.poll(), output.read())

    def _watch(
        self, process: subprocess.Popen[bytes], links: Sequence[Path], output: IO[str]
    ) -> None:
        seen, since = (0, 0), time.monotonic()
        while process.poll() is None:
            self._settle(links)
            self._tell(self.uploaded, self._journal.again)
            now = (
                os.fstat(output.fileno()).st_size,
                len(self.uploaded),
            )  # it writes a line of all that changes
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > (
                self._patience if now[0] else max(self._patience, _START)
            ):
                self.trouble = self._journal.again or f"no answer for {self._patience:g} s"
                return
            time.sleep(_POLL)

    def _settle(self, links: Sequence[Path]) -> None:
        """Mark what has been uploaded whole."""
        marked = [
            number
            for number, link in enumerate(links)
            if link.with_name(link.name + SYNCED).exists()
        ]
        self._journal.read()  # only now: what went wrong with a file is logged before it is marked
        for number in marked if self._journal.exists else ():
            file, error = self._files[number], self._journal.errors.get(number)
            if file not in self.uploaded and (error is None or _GONE.search(error)):
                self._mark(file, error or "")

    def _mark(self, file: Path, missing: str) -> None:
        file.with_name(file.name + SYNCED).touch()
        self.uploaded[file] = missing

    def _judge(self, status: int | None, output: str) -> None:
        """Say of every file that is not uploaded why."""
        journal = self._journal
        _log.debug("wandb sync ended with %s:\n%s", status, output)
        self.urls |= set(_URL.findall(output))
        for number, why in _LINK.findall(output):
            if int(number) not in journal.begun:
                self.unreadable[self._files[int(number)]] = why.strip() or "it is gone"
        for number, file in enumerate(self._files):
            if file in self.uploaded or file in self.unreadable:
                continue
            error = journal.errors.get(number)
            if error and not _GONE.search(error):
                self.failed[file] = error
            elif number in journal.cut_short & journal.closed and not self.trouble:
                self._mark(file, "cut short by the end of its process")
        if not (self.uploaded or self.unreadable or self.failed or self.trouble):
            last = output.strip().rpartition("\n")[2]
            said = last if status or journal.exists else "without the log that wandb 0.31 writes"
            self.trouble = f"wandb sync ended with status {status}: {said}"


class _Journal:
    """The log of `wandb sync`, read as it grows: a JSON object a line, with the file that it is about.

    Attributes:
        errors: number of a link -> what went wrong with it.
        cut_short: those that end without the record of their run's end.
        begun: those whose run is being uploaded, or was.
        closed: those that were read to their end, or as far as they can be.
    """

    def __init__(self, place: Path, runs: Sequence[str]) -> None:
        self.errors: dict[int, str] = {}
        self.cut_short: set[int] = set()
        self.begun: set[int] = set()
        self.closed: set[int] = set()
        self._place, self._runs, self._offset = place, runs, 0
        self._again, self._again_at = "", -math.inf

    @property
    def exists(self) -> bool:
        """Whether there is one: without it, nothing is known."""
        return self._offset > 0

    @property
    def again(self) -> str | None:
        """Why W&B tries a request again, if it does."""
        return self._again if time.monotonic() - self._again_at < _RECENT else None

    def read(self) -> None:
        """Take in what is new."""
        for path in self._place.glob("wandb/logs/debug-sync*.log"):  # there is one
            with path.open("rb") as file:
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
            for line in whole.splitlines():
                self._take(json.loads(line))
            self._offset += len(whole) + (len(whole) > 0)

    def _take(self, entry: dict[str, Any]) -> None:
        number = Path(entry.get("sync_path", "")).parent.name.removeprefix("link-")
        message = entry["msg"]
        if not number.isdigit():
            return
        link = int(number)
        if message.startswith("api: retrying"):
            self._again, self._again_at = self._reason(entry, link), time.monotonic()
        elif message.startswith("runsync: no exit record"):
            self.cut_short.add(link)
        elif message == "runsync: starting to read":
            self.begun.add(link)
        elif message == "sender: closed":
            self.closed.add(link)
        elif entry["level"].startswith("ERROR") and not message.startswith(_HARMLESS):
            self.errors.setdefault(link, self._reason(entry, link))

    def _reason(self, entry: dict[str, Any], link: int) -> str:
        """What went wrong, in the same words for every run."""
        status = (
            f"HTTP {entry['status']}: {entry.get('body', '')}"
            if "status" in entry
            else entry["msg"]
        )
        last = str(entry.get("error") or status).strip().splitlines()[-1]
        said = _REQUEST.sub("", last).replace(self._runs[link], "RUN").strip()
        return said if len(said) <= 400 else f"{said[:200]} ... {said[-200:]}"


def _link(folder: Path, file: Path) -> Path:
    """A folder that looks like the file's own, but holds no mark."""
    folder.mkdir()
    for path in file.parent.iterdir():
        if path.suffix != SYNCED:
            (folder / path.name).symlink_to(path.resolve())
    (folder / "files").mkdir(exist_ok=True)
    return folder / file.name


@contextlib.contextmanager
def _running(
    command: Sequence[str], environment: dict[str, str], output: IO[str]
) -> Generator[subprocess.Popen[bytes]]:
    """A process that asks nothing, and that ends with the block; W&B's own helper process ends with it."""
    process = None
    try:
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
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
