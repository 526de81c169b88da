"""What goes to the screen: text that is shown as it is, on streams that never end the program.

Everything that is printed goes through `Console`. Names, values and errors of other libraries are shown letter by
letter: rich does not read them as markup or emoji codes, and a terminal does not see the control characters in them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import select
import shlex
import signal
import sys
import threading
from collections.abc import Generator, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console as RichConsole
from rich.console import ConsoleDimensions
from rich.text import Text

from gensweep.system.redaction import redact_secrets
from gensweep.system.text import escape_controls

if TYPE_CHECKING:
    from rich.status import Status

MIN_COLUMNS = 20
"""Columns that a screen has at least; a terminal breaks longer lines itself."""


def format_command_line(arguments: Iterable[str]) -> str:
    """Return the call of gensweep with these arguments, to be pasted into a shell; secrets are left out."""
    return " ".join(
        ["python -m gensweep", *(_quoted(redact_secrets(argument)) for argument in arguments)]
    )


def _quoted(argument: str) -> str:
    """Return the argument as a shell reads it; control characters are written as in ``$'\\x1b'``."""
    if escape_controls(argument) == argument and not re.search(r"[\t\n]", argument):
        return shlex.quote(argument)
    letters = []
    for byte in os.fsencode(argument):
        letter = chr(byte)
        if letter in "\\'":
            letters.append(f"\\{letter}")
        else:
            letters.append(letter if " " <= letter <= "~" else f"\\x{byte:02x}")
    return f"$'{''.join(letters)}'"


class Console(RichConsole):
    """A screen, or the file in its place, on which text is shown as it is: without markup, emoji codes, highlights.

    Args:
        stderr: write to standard error, in place of standard output.
        options: of rich's console: `file`, `width`, `quiet`.

    Attributes:
        is_live: whether what was written can be written over; elsewhere, news is told in lines.
    """

    def __init__(self, stderr: bool = False, **options: Any) -> None:
        environment = dict(os.environ)
        _widen(environment)
        if os.name != "nt":
            environment["TERM"] = environment.get("TERM") or "dumb"
        literal: dict[str, Any] = {
            "markup": False,
            "emoji": False,
            "highlight": False,
            "_environ": environment,
        }
        super().__init__(stderr=stderr, **options, **literal)
        self.is_live = self.is_interactive and _is_terminal(self.file)

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines."""
        width, height = super().size
        return ConsoleDimensions(max(width, MIN_COLUMNS), height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text that is shown of a string, wherever rich meets one: a line, a cell, a title."""
        literal: dict[str, Any] = options | {"markup": False, "emoji": False}
        return super().render_str(escape_controls(text), **literal)

    def status(self, status: Any, **options: Any) -> Status:
        """Show what goes on, as long as the block lasts."""
        return super().status(
            self.render_str(status) if isinstance(status, str) else status, **options
        )


def _widen(environment: MutableMapping[str, str]) -> None:
    """Forget a size of the screen that nothing fits on: rich prints nothing on 0 columns."""
    for name, least in (("COLUMNS", MIN_COLUMNS), ("LINES", 1)):
        if environment.get(name, "").isdigit() and int(environment[name]) < least:
            del environment[name]


def _is_terminal(file: Any) -> bool:
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return file.isatty()
    return False


# --- streams that take everything


class _Sink(io.FileIO):
    """A descriptor that takes whatever is written: what cannot be written any more is lost.

    Attributes:
        refusal: why the first that was lost could not be written.
    """

    refusal: OSError | None = None

    def write(self, content: Any) -> int:
        """Write what can be written; say that all was."""
        while True:
            try:
                written = super().write(content)
                if written is not None:
                    return written
                select.select([], [self], [])  # a pipe that does not block, and is full
            except OSError as error:  # a full disk, a reader or a terminal that is gone
                self.refusal = self.refusal or error
                return len(content)


def guard_output() -> None:
    """Make standard output and error take everything: any character, into whatever has become of them.

    Streams that somebody else has put into their place stay as they are.
    """
    _widen(os.environ)  # typer prints the help on a screen of its own
    if os.name != "nt":
        _fill_descriptors()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _guarded(sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _guarded(sys.stderr)


def _fill_descriptors() -> None:
    """Open what was closed for us: else a file of results gets its number, and what is printed goes into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _guarded(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    errors = "replace" if stream.errors in ("strict", "surrogateescape", None) else stream.errors
    if os.name == "nt" or not isinstance(stream, io.TextIOWrapper):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
        return stream
    with contextlib.suppress(OSError):
        stream.flush()
    sink = io.BufferedWriter(_Sink(stream.fileno(), "wb", closefd=False))
    by_line = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(sink, stream.encoding, errors, line_buffering=by_line)


def find_write_error() -> OSError | None:
    """Return why a part of standard output was lost; None where all was written, or its reader wanted no more."""
    sink = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(sink, _Sink):
        return None
    sys.stdout.flush()
    refusal = sink.refusal
    return None if refusal is None or refusal.errno == errno.EPIPE else refusal


@contextlib.contextmanager
def exit_on_hangup() -> Generator[None]:
    """End as SIGTERM does when the terminal is closed; under `nohup`, which ignores that signal, go on."""
    number = getattr(signal, "SIGHUP", None)
    is_main = threading.current_thread() is threading.main_thread()
    if number is None or not is_main or signal.getsignal(number) != signal.SIG_DFL:
        yield
        return
    signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)
