"""Tell the user's own command about the end of a run, and about its first failure."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from typing import Any

from gensweep.system.terminal import Console
from gensweep.system.text import print_line

TIMEOUT_SECONDS = 60.0
"""A command that takes longer is ended."""


class Notifier:
    """Runs a command with a JSON object on its standard input. Its failure never ends a run.

    Args:
        command: the command line, without a shell's syntax. None: nobody is told.
        console: where to print that the command failed.
    """

    def __init__(self, command: str | None, console: Console) -> None:
        self._command, self._console = command, console
        self._thread: threading.Thread | None = None
        self._has_reported_failure = False

    def tell_failure(self, summary: dict[str, Any]) -> None:
        """Run the command for the first failure, in the background; later ones are ignored."""
        if self._command is None or self._has_reported_failure:
            return
        self._has_reported_failure = True
        event = {"event": "failure"} | summary
        self._thread = threading.Thread(
            target=self._run, args=(event,), daemon=True
        )
        self._thread.start()

    def tell_end(self, summary: dict[str, Any]) -> None:
        """Run the command for the end of the run, and wait for it."""
        if self._command is None:
            return
        if self._thread is not None:
            # The order of the two events is that of the run.
            self._thread.join(TIMEOUT_SECONDS)
        self._run({"event": "end"} | summary)

    def _run(self, event: dict[str, Any]) -> None:
        text = json.dumps(event) + "\n"
        try:
            done = subprocess.run(
                shlex.split(self._command or ""),
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=TIMEOUT_SECONDS,
                env=dict(os.environ),
                check=False,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._warn(str(error))
            return
        if done.returncode:
            lines = (
                done.stderr.decode("utf-8", "replace").strip().splitlines()
            )
            detail = f": {lines[-1]}" if lines else ""
            self._warn(f"exit status {done.returncode}{detail}")

    def _warn(self, reason: str) -> None:
        print_line(
            self._console, f"--notify {self._command}: {reason}", "yellow"
        )
