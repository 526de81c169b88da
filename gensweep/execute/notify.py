"""Tell the user's own command about the end of a run, and about its first failure."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from typing import IO, Any

from gensweep.core.errors import UserError
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

TIMEOUT_SECONDS = 60.0
"""A command that takes longer is ended."""
SHELL_OPERATORS = frozenset(["|", "||", "&", "&&", ";", "<", ">", ">>", "2>"])
"""Words that a program would take for the names of files, where a shell acts on them."""


class Notifier:
    """Runs a command with a JSON object on its standard input. Its failure never ends a run.

    Args:
        command: the command line, without a shell's syntax. None: nobody is told.
        console: where to print that the command failed.

    Raises:
        UserError: the command line names no program of this machine.
    """

    def __init__(self, command: str | None, console: Console) -> None:
        self._command, self._console = command, console
        self._words = [] if command is None else split_command(command)
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
        content = (json.dumps(event) + "\n").encode()
        try:
            # In a file: a pipe would stay open as long as a program that the command leaves
            # behind.
            with tempfile.TemporaryFile() as errors:
                status = _run_for_a_minute(self._words, content, errors)
                errors.seek(0)
                output = errors.read()
        except subprocess.TimeoutExpired:
            self._warn(f"ended after {TIMEOUT_SECONDS:.0f} s without an end")
            return
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._warn(str(error))
            return
        if status:
            lines = output.decode("utf-8", "replace").strip().splitlines()
            detail = f": {lines[-1]}" if lines else ""
            self._warn(f"exit status {status}{detail}")

    def _warn(self, reason: str) -> None:
        print_line(
            self._console, f"--notify {self._command}: {reason}", "yellow"
        )


def split_command(command: str) -> list[str]:
    """Return the words of a command line.

    Raises:
        UserError: a quote is not closed, there is no such program, or a word is a shell's.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"--notify {command}: {error}") from None
    if not words:
        raise UserError(
            f"--notify {command!r} names no command; write one such as --notify 'python tell.py'"
        )
    advice = (
        "it runs without a shell, so write sh -c '...' for a shell's syntax"
    )
    if shutil.which(words[0]) is None:
        raise UserError(
            f"--notify {command}: there is no program {words[0]!r}; {advice}"
        )
    operators = [word for word in words if word in SHELL_OPERATORS]
    if operators:
        raise UserError(
            f"--notify {command}: {operators[0]!r} means nothing here; {advice}"
        )
    return words


def _run_for_a_minute(
    words: list[str], content: bytes, errors: IO[bytes]
) -> int:
    """Run a command, and return its exit status.

    Raises:
        OSError: it cannot be started.
        TimeoutExpired: it took too long, and was ended with all that it started.
    """
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=dict(os.environ),
        start_new_session=True,
    )
    try:
        process.communicate(content, TIMEOUT_SECONDS)
    except BaseException:
        _kill_with_children(process)
        raise
    return process.returncode


def _kill_with_children(process: subprocess.Popen) -> None:
    if os.name == "nt":  # pragma: no cover - Windows has no process groups
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
