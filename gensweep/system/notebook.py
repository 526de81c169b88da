"""Screens in notebooks: lines of text, and an output that is drawn again in place."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import time
import warnings
from collections.abc import Callable, Generator
from typing import Any, Protocol

from rich.console import RenderableType
from rich.live import Live

from gensweep.system.terminal import Console

COLUMNS = 100
"""Width of a notebook's output."""
PLAIN: dict[str, Any] = {
    "width": COLUMNS,
    "force_jupyter": False,
    "force_terminal": False,
    "color_system": None,
}
"""Options of a console that writes text alone, although kernels set FORCE_COLOR."""
SECONDS_BETWEEN_DRAWINGS = 0.5


class Drawing(Protocol):
    """A part of a screen that changes while it is shown."""

    def start(self) -> None:
        """Show it."""

    def update(self) -> None:
        """Draw it again if it is time to."""

    def stop(self) -> None:
        """Draw it for the last time, or remove it."""


class TerminalDrawing:
    """A drawing in a terminal; a thread draws it again, and it is removed at the end."""

    def __init__(
        self, render: Callable[[], RenderableType], console: Console
    ) -> None:
        self._live = Live(
            get_renderable=render,
            console=console,
            refresh_per_second=2,
            transient=True,
        )

    def start(self) -> None:
        """Show it."""
        self._live.start()

    def update(self) -> None:
        """Do nothing: the thread draws."""

    def stop(self) -> None:
        """Remove it."""
        self._live.stop()


class NotebookDrawing:
    """An output of a cell that is drawn again in place; it stays at the end."""

    def __init__(self, render: Callable[[], RenderableType]) -> None:
        self._render = render
        self._handle: Any = None
        self._last = 0.0

    def start(self) -> None:
        """Show it."""
        from IPython.display import DisplayHandle

        self._handle = DisplayHandle()
        self._handle.display(self._draw(), raw=True)

    def update(self) -> None:
        """Draw it again, at most twice a second."""
        now = time.monotonic()
        if (
            self._handle is None
            or now - self._last < SECONDS_BETWEEN_DRAWINGS
        ):
            return
        self._last = now
        self._handle.update(self._draw(), raw=True)

    def stop(self) -> None:
        """Draw it for the last time."""
        if self._handle is not None:
            self._handle.update(self._draw(), raw=True)
            self._handle = None

    def _draw(self) -> dict[str, str]:
        file = io.StringIO()
        console = Console(file=file, **PLAIN)
        console.print(self._render())
        return {"text/plain": file.getvalue()}


class NotebookConsole(Console):
    """A console that prints lines of text into the output of a notebook's cell."""

    def __init__(self) -> None:
        # Rich would make an output with HTML of every line.
        super().__init__(**PLAIN)


def is_notebook() -> bool:
    """Return whether a kernel of Jupyter runs this code."""
    # Not imported here: without IPython this is no notebook.
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return False
    return getattr(ipython.get_ipython(), "kernel", None) is not None


@contextlib.contextmanager
def hide_widget_hints() -> Generator[None]:
    """Hide in the block what Ray and tqdm say in notebooks without ipywidgets."""
    log = logging.getLogger("ray.widgets.util")
    level = log.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)


def make_console() -> Console:
    """Return the screen of a call from Python: the cell's output, or standard output."""
    return NotebookConsole() if is_notebook() else Console()


def make_drawing(
    render: Callable[[], RenderableType], console: Console
) -> Drawing | None:
    """Return a drawing on a console; None if what is printed there stays as it is."""
    if isinstance(console, NotebookConsole):
        return NotebookDrawing(render)
    if console.is_live:
        return TerminalDrawing(render, console)
    return None
