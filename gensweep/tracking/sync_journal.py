"""The log of a `wandb sync` process, read while it grows."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_RETRY_SECONDS = 90.0
"""The time for which the reason of a retry is shown: W&B waits up to 60 s between two."""
_REQUEST = re.compile(
    r"while retrying: "
    r"|\b[A-Za-z]+ \"?https?://[^\s\"]+\"?:? ?(giving up after \d+ attempt\(s\):? ?)?"
)
"""The part of a message that differs from run to run."""
_HARMLESS_ERRORS = ("api:", "featurechecker:", "runsync: didn't print")
"""Errors that lose nothing, or that appear again in another message."""
_MAX_REASON_CHARACTERS = 400


class Journal:
    """The log: one JSON object per line, with the file that it is about.

    Args:
        folder: the folder of the links and of W&B's files.
        run_ids: the ids of the runs by the numbers of the links.

    Attributes:
        errors: number of a link -> its first error.
        cut_short: links whose file ends without the record of the run's end.
        started: links whose upload has started.
        closed: links that were read to their end, or as far as possible.
    """

    def __init__(self, folder: Path, run_ids: Sequence[str]) -> None:
        self.errors: dict[int, str] = {}
        self.cut_short: set[int] = set()
        self.started: set[int] = set()
        self.closed: set[int] = set()
        self._folder = folder
        self._run_ids = run_ids
        self._offset = 0
        self._retry_reason = ""
        self._retried_at = -math.inf

    @property
    def exists(self) -> bool:
        """True if there is a log; without one, nothing is known."""
        return self._offset > 0

    @property
    def retry_reason(self) -> str | None:
        """The reason for the retry of a request; None if there was none recently."""
        is_recent = time.monotonic() - self._retried_at < _RETRY_SECONDS
        return self._retry_reason if is_recent else None

    def read(self) -> None:
        """Read the new lines of the log."""
        # There is one such file.
        for path in self._folder.glob("wandb/logs/debug-sync*.log"):
            with path.open("rb") as file:
                file.seek(self._offset)
                # The last line may be incomplete; it is read next time.
                complete = file.read().rpartition(b"\n")[0]
            for line in complete.splitlines():
                self._add(json.loads(line))
            if complete:
                self._offset += len(complete) + 1

    def _add(self, entry: dict[str, Any]) -> None:
        digits = Path(entry.get("sync_path", "")).parent.name.removeprefix(
            "link-"
        )
        message = entry["msg"]
        if not digits.isdigit():
            return
        number = int(digits)
        if message.startswith("api: retrying"):
            self._retry_reason = self._explain(entry, number)
            self._retried_at = time.monotonic()
        elif message.startswith("runsync: no exit record"):
            self.cut_short.add(number)
        elif message == "runsync: starting to read":
            self.started.add(number)
        elif message == "sender: closed":
            self.closed.add(number)
        elif entry["level"].startswith("ERROR") and not message.startswith(
            _HARMLESS_ERRORS
        ):
            self.errors.setdefault(number, self._explain(entry, number))

    def _explain(self, entry: dict[str, Any], number: int) -> str:
        """Return the error of an entry; equal errors of different runs give the same text."""
        text = entry["msg"]
        if "status" in entry:
            text = f"HTTP {entry['status']}: {entry.get('body', '')}"
        last_line = str(entry.get("error") or text).strip().splitlines()[-1]
        reason = (
            _REQUEST.sub("", last_line)
            .replace(self._run_ids[number], "RUN")
            .strip()
        )
        if len(reason) <= _MAX_REASON_CHARACTERS:
            return reason
        half = _MAX_REASON_CHARACTERS // 2
        return f"{reason[:half]} ... {reason[-half:]}"
