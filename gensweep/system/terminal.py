"""The screen: text that is shown as it is, on streams that never end the program.

Everything that is printed goes through `Console`. Names, values and errors of other libraries are
shown literally: rich does not read them as markup or emoji codes, and a terminal does not get the
control characters in them.
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
"""The least width of a screen; a narrower terminal breaks the lines itself."""


def format_command_line(arguments: Iterable[str]) -> str:
    """Return the call of gensweep with these arguments, for a shell; secrets are hidden."""
    quoted = [_quote(redact_secrets(argument)) for argument in arguments]
    return " ".join(["python -m gensweep", *quoted])


def _quote(argument: str) -> str:
    """Return an argument for a shell; control characters are written as in ``$'\\x1b'``."""
    if escape_controls(argument) == argument and not re.search(
        r"[\t\n]", argument
    ):
        return shlex.quote(argument)
    letters = []
    for byte in os.fsencode(argument):
        letter = chr(byte)
        if letter in "\\'":
            letters.append(f"\\{letter}")
        elif " " <= letter <= "~":
            letters.append(letter)
        else:
            letters.append(f"\\x{byte:02x}")
    return f"$'{''.join(letters)}'"


_ESCAPED_WORD = re.compile(r"(?<!\S)\$'((?:[^'\\]|\\.)*)'")
_ESCAPED_LETTER = re.compile(r"\\(?:x([0-9a-f]{2})|(.))")


def split_command_line(command: str) -> list[str]:
    """Return the words of a line that `format_command_line` wrote, or of any other shell line.

    Raises:
        ValueError: a quote is not closed.
    """

    def unescape(word: re.Match[str]) -> str:
        letters = _ESCAPED_LETTER.sub(
            lambda letter: (
                chr(int(letter[1], 16)) if letter[1] else letter[2]
            ),
            word[1],
        )
        # Every letter is one byte of the argument.
        return shlex.quote(os.fsdecode(letters.encode("latin-1", "replace")))

    return shlex.split(_ESCAPED_WORD.sub(unescape, command))


class Console(RichConsole):
    """A screen, or a file in its place, that shows text without markup, emoji codes, highlights.

    Args:
        stderr: write to standard error instead of standard output.
        options: of rich's console: `file`, `width`, `quiet`.

    Attributes:
        is_live: whether written text can be overwritten; otherwise, news is printed as lines.
    """

    def __init__(self, stderr: bool = False, **options: Any) -> None:
        environment = dict(os.environ)
        _drop_unusable_size(environment)
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
        """The number of columns and lines."""
        width, height = super().size
        return ConsoleDimensions(max(width, MIN_COLUMNS), height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text for a string. Rich calls this for every line, cell and title."""
        literal: dict[str, Any] = options | {"markup": False, "emoji": False}
        return super().render_str(escape_controls(text), **literal)

    def status(self, status: Any, **options: Any) -> Status:
        """Show a progress message until the end of the block."""
        if isinstance(status, str):
            status = self.render_str(status)
        return super().status(status, **options)


def _drop_unusable_size(environment: MutableMapping[str, str]) -> None:
    """Remove a screen size that is too small: rich prints nothing on 0 columns."""
    for name, minimum in (("COLUMNS", MIN_COLUMNS), ("LINES", 1)):
        value = environment.get(name, "")
        if value.isdigit() and int(value) < minimum:
            del environment[name]


def _is_terminal(file: Any) -> bool:
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return file.isatty()
    return False


# --- streams that accept everything


class _Sink(io.FileIO):
    """A file descriptor that accepts all text; what cannot be written is lost.

    Attributes:
        refusal: the first error.
    """

    refusal: OSError | None = None

    def write(self, content: Any) -> int:
        """Write as much as possible; return the size as if everything had been written."""
        while True:
            try:
                written = super().write(content)
                if written is not None:
                    return written
                # A non-blocking pipe is full: wait until its reader has read.
                select.select([], [self], [])
            except OSError as error:
                # The disk is full, or the reader or the terminal has gone.
                self.refusal = self.refusal or error
                return len(content)


class _Stream(io.TextIOWrapper):
    """A stream that stays open: the code of a user, or of a library, may close it."""

    def close(self) -> None:
        """Write what is buffered."""
        self.flush()


@contextlib.contextmanager
def keep_streams() -> Generator[None]:
    """Put standard output and error back at the end of the block, whatever has replaced them."""
    streams = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def guard_output() -> None:
    """Make standard output and error accept any character, even after their reader has gone.

    Streams that another library has replaced are left unchanged.
    """
    _drop_unusable_size(
        os.environ
    )  # typer prints the help on a screen of its own
    if os.name != "nt":
        _fill_descriptors()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _guard_stream(sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _guard_stream(sys.stderr)


def _fill_descriptors() -> None:
    """Open standard descriptors that are closed.

    Otherwise a file of results would get their number, and printed text would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number


def _guard_stream(stream: TextIO | None) -> TextIO:
    """Return a stream to the same file that accepts any text."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    errors = stream.errors
    if errors in ("strict", "surrogateescape", None):
        errors = "replace"
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if os.name == "nt":
        stream.reconfigure(errors=errors)
        return stream
    with contextlib.suppress(OSError):
        stream.flush()
    sink = io.BufferedWriter(_Sink(stream.fileno(), "wb", closefd=False))
    by_line = stream.line_buffering or stream.write_through
    return _Stream(sink, stream.encoding, errors, line_buffering=by_line)


def find_write_error() -> OSError | None:
    """Return why a part of standard output was lost.

    None if everything was written, or the reader (such as `head`) closed the pipe.
    """
    sink = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(sink, _Sink):
        return None
    sys.stdout.flush()
    refusal = sink.refusal
    if refusal is None or refusal.errno == errno.EPIPE:
        return None
    return refusal


@contextlib.contextmanager
def exit_on_hangup() -> Generator[None]:
    """End as with SIGTERM when the terminal is closed; under `nohup`, continue."""
    number = getattr(signal, "SIGHUP", None)
    is_main = threading.current_thread() is threading.main_thread()
    # `nohup` makes the program ignore the signal, and only the main thread may set handlers.
    if (
        number is None
        or not is_main
        or signal.getsignal(number) != signal.SIG_DFL
    ):
        yield
        return
    signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)
