"""A lock for file systems without `flock`: the process that creates a file has the lock.

The file names the process, so a death on this host frees the lock at once. The process renews the
file while it has the lock. On another host, the lock is valid until the file has stayed the same
for `DEAD_AFTER_SECONDS` of our clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

from gensweep.system import processes
from gensweep.system.processes import Process, Watch
from gensweep.system.regular_files import read_file

RENEWAL_SECONDS = 15.0
"""Time between two renewals of the file."""
_PAUSE_SECONDS = (0.005, 0.05)
"""Range of the pause between two attempts: random, so that no process is always too late."""
_COUNTER_DIGITS = 8
"""Digits of the counter at the beginning of the file."""


@contextlib.contextmanager
def lock_by_file(path: Path) -> Generator[None]:
    """Hold an exclusive lock on ``path``. A second file next to it exists while it is locked.

    Raises:
        OSError: the file cannot be created.
    """
    lock = path.with_name(f"{path.name}.held")
    mark = f"{uuid.uuid4().hex} {json.dumps(asdict(Process.get_current()))}"
    handle = _acquire(lock, mark)
    stop = threading.Event()
    thread = threading.Thread(
        target=_renew, args=(handle, stop), daemon=True, name="gensweep-lock"
    )
    try:
        thread.start()
        yield
    finally:
        stop.set()
        if thread.ident is not None:
            thread.join()
        os.close(handle)
        # If the mark is another, a process took us for dead, and the file is not ours any more.
        content = _read_content(lock) or ""
        if content[_COUNTER_DIGITS + 1 :] == mark:
            lock.unlink(missing_ok=True)


def _acquire(lock: Path, mark: str) -> int:
    """Wait until the file can be created; return its open handle."""
    watch = Watch()
    breaking_watch = Watch()
    while True:
        handle = _create(lock, mark)
        if handle is not None:
            return handle
        content = _read_content(lock)
        if content is None:  # the lock is free again
            continue
        if _is_dead(content, watch):
            _break_lock(lock, content, mark, breaking_watch)
        else:
            _pause()


def _break_lock(lock: Path, content: str, mark: str, watch: Watch) -> None:
    """Remove the file of a dead process.

    Only one process does it at a time. Otherwise one could remove the new file of another.
    """
    breaking = lock.with_name(f"{lock.name}.breaking")
    handle = _create(breaking, mark)
    if handle is None:
        other = _read_content(breaking)
        if other is not None and _is_dead(other, watch):
            breaking.unlink(missing_ok=True)
        _pause()
        return
    os.close(handle)
    try:
        if _read_content(lock) == content:
            lock.unlink(missing_ok=True)
    finally:
        breaking.unlink(missing_ok=True)


def _pause() -> None:
    time.sleep(random.uniform(*_PAUSE_SECONDS))


def _create(path: Path, mark: str) -> int | None:
    """Create a file that names its creator; return None if the file exists."""
    try:
        handle = os.open(
            path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666
        )
    except FileExistsError:
        return None
    try:
        os.write(handle, f"{0:0{_COUNTER_DIGITS}d} {mark}".encode())
        _flush(handle)
    except BaseException:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise
    return handle


def _renew(handle: int, stop: threading.Event) -> None:
    """Increase the counter in the file, so that other processes see a change.

    It writes by handle: another process may have replaced the file with this name.
    """
    counter = 0
    while not stop.wait(RENEWAL_SECONDS):
        counter += 1
        with contextlib.suppress(OSError):
            os.pwrite(handle, f"{counter:0{_COUNTER_DIGITS}d}".encode(), 0)
            _flush(handle)


def _flush(handle: int) -> None:
    """Make written data visible to other hosts, if the file system supports that."""
    with contextlib.suppress(OSError):
        os.fsync(handle)


def _read_content(path: Path) -> str | None:
    """Return the content of a file; None if there is none.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    try:
        return read_file(path).decode(errors="replace")
    except FileNotFoundError:
        return None


def _is_dead(content: str, watch: Watch) -> bool:
    """Return whether the process that a file names shows no sign of life."""
    age = watch.measure_unchanged(content)
    is_expired = age > processes.DEAD_AFTER_SECONDS
    try:
        process = Process.from_dict(json.loads(content.split(" ", 2)[2]))
    except (ValueError, IndexError, RecursionError):
        # The file was just created, or its creator was killed before it wrote.
        return is_expired
    if process.is_local():
        return not process.is_alive()
    return is_expired
