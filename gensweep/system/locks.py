"""A lock among processes on a file system that knows no `flock`: whoever creates a file has the lock.

The file names the process, so a death on this host frees the lock at once. The process renews the file while it has
the lock; on another host a lock counts until the file has stayed the same for `DEAD_AFTER_SECONDS` seconds of our own clock.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import stat
import threading
import time
import uuid
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

from gensweep.system import processes
from gensweep.system.processes import Process, Watch

RENEWAL_SECONDS = 15.0
"""Seconds between two signs of life of a process that has a lock."""
_PAUSES = (0.005, 0.05)
"""Seconds between two looks at a lock that another process has: drawn, so that nobody is always late."""
_BEAT = 8
"""Digits of the counter at the beginning of the file."""


@contextlib.contextmanager
def lock_by_file(path: Path) -> Generator[None]:
    """Have an exclusive lock on ``path`` by means of a file beside it, which is there as long as the lock is taken.

    Raises:
        OSError: the file cannot be made.
    """
    lock = path.with_name(f"{path.name}.held")
    mark = f"{uuid.uuid4().hex} {json.dumps(asdict(Process.get_current()))}"
    handle = _take(lock, mark)
    stop = threading.Event()
    thread = threading.Thread(target=_renew, args=(handle, stop), daemon=True, name="gensweep-lock")
    try:
        thread.start()
        yield
    finally:
        stop.set()
        if thread.ident is not None:
            thread.join()
        os.close(handle)
        if (_content(lock) or "")[_BEAT + 1 :] == mark:  # else somebody took us for dead
            lock.unlink(missing_ok=True)


def _take(lock: Path, mark: str) -> int:
    """Wait until the file can be created; return it, open."""
    watch, breaking = Watch(), Watch()
    while True:
        handle = _create(lock, mark)
        if handle is not None:
            return handle
        seen = _content(lock)
        if seen is None:  # free again
            continue
        if _is_dead(seen, watch):
            _break(lock, seen, mark, breaking)
        else:
            time.sleep(random.uniform(*_PAUSES))


def _break(lock: Path, seen: str, mark: str, watch: Watch) -> None:
    """Remove the file of a dead process. One process does it at a time: else one might remove another's new file."""
    breaking = lock.with_name(f"{lock.name}.breaking")
    handle = _create(breaking, mark)
    if handle is None:
        other = _content(breaking)
        if other is not None and _is_dead(other, watch):
            breaking.unlink(missing_ok=True)
        time.sleep(random.uniform(*_PAUSES))
        return
    os.close(handle)
    try:
        if _content(lock) == seen:
            lock.unlink(missing_ok=True)
    finally:
        breaking.unlink(missing_ok=True)


def _create(path: Path, mark: str) -> int | None:
    """Create a file that says who did; None where there is one."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return None
    try:
        os.write(handle, f"{0:0{_BEAT}d} {mark}".encode())
        _flush(handle)
    except BaseException:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise
    return handle


def _renew(handle: int, stop: threading.Event) -> None:
    """Count on in the file, so that others see a change: in the file that was created, whatever has its name now."""
    beat = 0
    while not stop.wait(RENEWAL_SECONDS):
        beat += 1
        with contextlib.suppress(OSError):
            os.pwrite(handle, f"{beat:0{_BEAT}d}".encode(), 0)
            _flush(handle)


def _flush(handle: int) -> None:
    """Let other hosts see what was written, where the file system can be asked to."""
    with contextlib.suppress(OSError):
        os.fsync(handle)


def _content(path: Path) -> str | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _is_dead(seen: str, watch: Watch) -> bool:
    """Whether the process that a file names gives no sign of life any more."""
    age = watch.measure_unchanged(seen)
    try:
        process = Process.from_dict(json.loads(seen.split(" ", 2)[2]))
    except (ValueError, IndexError):  # just created, or its creator was killed before it wrote
        return age > processes.DEAD_AFTER_SECONDS
    if process.is_local():
        return not process.is_alive()
    return age > processes.DEAD_AFTER_SECONDS
