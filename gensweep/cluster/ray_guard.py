"""Guard the Ray that this process starts: a private token, and a watch on Ray's processes."""

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

from gensweep.core.errors import RayDiedError
from gensweep.system.signals import Stopped

log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
Processes = Mapping[str, Sequence[Any]]
"""The processes of a Ray that this process started, by kind, as Ray stores them.

It is empty for a cluster that somebody else started."""


@contextlib.contextmanager
def watch_ray(processes: Callable[[], Processes]) -> Generator[None]:
    """End the block as soon as Ray is dead.

    Ray itself notices only after a minute, or reports each trial separately.

    Args:
        processes: returns the processes of our own Ray.

    Raises:
        RayDiedError: Ray is dead, or was dead when another error was raised.
    """
    done = threading.Event()
    has_died = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            if ended_process(processes()) is not None:
                has_died.set()
                # Only a signal interrupts the main thread while it waits inside Ray.
                signal.pthread_kill(
                    threading.main_thread().ident or 0, signal.SIGINT
                )
                return

    thread = threading.Thread(target=watch, daemon=True, name="gensweep-ray")
    # Another thread would not receive the signal.
    if threading.current_thread() is threading.main_thread():
        thread.start()
    try:
        yield
    except Stopped as error:
        # A signal of the user, unless the watch has sent it.
        if has_died.is_set():
            raise RayDiedError(
                f"Ray died: {ended_process(processes())}"
            ) from error
        raise
    except Exception as error:
        reason = ended_process(processes())
        if reason is not None:
            raise RayDiedError(f"Ray died: {reason}") from error
        raise
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()


def ended_process(processes: Processes) -> str | None:
    """Return how an essential process of Ray ended; None if all of them run."""
    for kind in ("gcs_server", "raylet"):
        for started in processes.get(kind, []):
            code = started.process.poll()
            if code is not None:
                # Python reports a signal as a negative exit status.
                if code < 0:
                    return f"its {kind} ended with signal {-code}"
                return f"its {kind} ended with status {code}"
    return None


def protect_token() -> None:
    """Create a token that only its owner can read, or restrict the existing one.

    Warn if Ray is told to ask for no token.
    """
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        log.warning(
            "RAY_AUTH_MODE=%s: while Ray runs, every user of this machine can run code as you; "
            "unset it, or use --local",
            mode,
        )
        return
    # A token that the user names is the user's to protect.
    has_own_token = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get(
        "RAY_AUTH_TOKEN_PATH"
    )
    if not has_own_token:
        _create_token(Path.home() / ".ray" / "auth_token")


def _create_token(path: Path) -> None:
    """Create Ray's token before Ray does: everybody could read the one that Ray creates."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with (
            contextlib.suppress(FileExistsError),
            open(path, "x", opener=_open_private) as file,
        ):
            file.write(secrets.token_hex(32))
        is_readable_by_others = path.stat().st_mode & 0o077
        if is_readable_by_others:
            path.chmod(0o600)
    except OSError as error:
        # Ray's own error follows if it cannot work without the token.
        log.warning("other users may be able to read Ray's token: %s", error)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
