"""Claims: who is training a point now, and whether that is still true.

A claim names the driver and the worker by host, process, process start and boot, so a death on this
host frees the point at once. On another host a claim counts until its heartbeat is 60 s old.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Generator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from gensweep.core.errors import Claimed, LostClaim
from gensweep.core.storage import locked, write_json

EXPIRES = 60.0
HEARTBEAT = 15.0


@dataclass(frozen=True)
class Process:
    """A process that can be told from a later one with the same number."""

    host: str
    boot: str
    pid: int
    started: str

    @staticmethod
    def current() -> Process:
        """The calling process."""
        host, boot = _here()
        return Process(host, boot, os.getpid(), _started(os.getpid()))

    def is_local(self) -> bool:
        """Whether its life can be checked from here: same host, same process namespace."""
        return self.host == _here()[0]

    def is_alive(self) -> bool:
        """Whether it still runs; meaningful only where `is_local`."""
        if self.boot != _here()[1]:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return _started(self.pid) == self.started


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return ""


@lru_cache(maxsize=1)
def _here() -> tuple[str, str]:
    """This host (name, machine id, and process namespace, since numbers mean nothing across two) and its boot."""
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    host = " ".join(filter(None, (socket.gethostname(), _read("/etc/machine-id"), namespace)))
    return host, _read("/proc/sys/kernel/random/boot_id")


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot, field 22 of /proc/PID/stat; empty where unknown or dead."""
    stat = _read(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    if not fields or fields[0] in "ZX":
        return "" if not stat else "dead"
    return fields[19]


@dataclass(frozen=True)
class Holder:
    """What claim.json holds."""

    attempt: str
    driver: Process
    worker: Process
    time: float

    def is_live(self) -> bool:
        """Whether the claim still stands."""
        if self.worker.is_local() and self.driver.is_local():
            return self.worker.is_alive() and self.driver.is_alive()
        return time.time() - self.time < EXPIRES

    def __str__(self) -> str:
        return f"process {self.worker.pid} on {self.worker.host.split()[0]}"


def read_holder(path: Path) -> Holder | None:
    """The claim in ``path``; None where there is none or it was cut short."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Holder(
            values["attempt"], Process(**values["driver"]), Process(**values["worker"]), float(values["time"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Claim:
    """A hold on one point's folder while it is trained; a context manager.

    A thread renews it every 15 s. `check` before each write: a worker that was taken for dead, or
    whose driver died, must write nothing more.

    Raises:
        Claimed: on entry, a live process holds the point.
    """

    def __init__(self, folder: Path, driver: Process) -> None:
        self._path = folder / "claim.json"
        self._lock = folder / ".lock"
        self._me = Holder(uuid.uuid4().hex, driver, Process.current(), 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="gensweep-claim")

    def __enter__(self) -> Claim:
        with locked(self._lock):
            holder = read_holder(self._path)
            if holder is not None and holder.is_live():
                raise Claimed(f"{self._path.parent.name} is being trained by {holder}")
            self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        with locked(self._lock):
            if self._is_mine():
                self._path.unlink(missing_ok=True)

    def check(self) -> None:
        """Make sure that the point is still ours.

        Raises:
            LostClaim: another attempt took it, or our driver is dead.
        """
        if not self._is_mine():
            raise LostClaim(f"{self._path.parent.name} was taken over by {read_holder(self._path)}")
        if self._me.driver.is_local() and not self._me.driver.is_alive():
            raise LostClaim(f"the driver of {self._path.parent.name} died")

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Hold the lock around a write that must not come from an old attempt.

        Raises:
            LostClaim: as `check`.
        """
        with locked(self._lock):
            self.check()
            yield

    def _is_mine(self) -> bool:
        holder = read_holder(self._path)
        return holder is not None and holder.attempt == self._me.attempt

    def _write(self) -> None:
        write_json(self._path, asdict(self._me) | {"time": time.time()})

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError), locked(self._lock):
                if not self._is_mine():
                    return
                self._write()
