"""What a Ray of our own needs around it: a token that nobody else reads, and somebody who notices when it dies."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep.core.errors import RayDied
from gensweep.system.signals import Stopped

log = logging.getLogger(__name__)
Processes = Mapping[str, Sequence[Any]]
"""The processes of a Ray that this process started, by kind, as Ray keeps them; none of a Ray of others."""


@contextlib.contextmanager
def watch_ray(processes: Callable[[], Processes]) -> Generator[None]:
    """End the block as soon as Ray is dead, which Ray itself notices after a minute, or tells each trial apart.

    Args:
        processes: returns those of our own Ray.

    Raises:
        RayDied: it is, or was when another error was raised.
    """
    done, seen = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            if ended_process(processes()) is not None:
                seen.set()
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    thread = threading.Thread(target=watch, daemon=True, name="gensweep-ray")
    if threading.current_thread() is threading.main_thread():
        thread.start()
    try:
        yield
    except Stopped as error:
        if seen.is_set():
            raise RayDied(f"Ray died: {ended_process(processes())}") from error
        raise
    except Exception as error:
        if (what := ended_process(processes())) is not None:
            raise RayDied(f"Ray died: {what}") from error
        raise
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()


def ended_process(processes: Processes) -> str | None:
    """Return which process ended without which a Ray is dead, and how; None where all of them run."""
    for kind in ("gcs_server", "raylet"):
        for started in processes.get(kind, []):
            code = started.process.poll()
            if code is not None:
                how = f"signal {-code}" if code < 0 else f"status {code}"
                return f"its {kind} ended with {how}"
    return None


def protect_token() -> None:
    """Make a token that only its owner can read, or close the one that is there; warn where Ray asks for none."""
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        log.warning(
            "RAY_AUTH_MODE=%s: while Ray runs, every user of this machine can run code as you; unset it, "
            "or use --local",
            mode,
        )
    elif not os.environ.get("RAY_AUTH_TOKEN") and not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        _make_token(Path.home() / ".ray" / "auth_token")


def _make_token(path: Path) -> None:
    """Make Ray's token, or close the one that is there: Ray's own would be readable by everybody."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError), open(path, "x", opener=_open_private) as file:
            file.write(secrets.token_hex(32))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:  # Ray says what it cannot do without
        log.warning("Ray's token may be read by others: %s", error)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
