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
from types import TracebackType

from gensweep.core.errors import Claimed, LostClaim
from gensweep.core.stores import Store

CLAIM = "claim.json"
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
        near = [process for process in (self.worker, self.driver) if process.is_local()]
        if not all(process.is_alive() for process in near):
            return False
        return len(near) == 2 or time.time() - self.time < EXPIRES

    def __str__(self) -> str:
        return f"process {self.worker.pid} on {self.worker.host.split()[0]}"


def decoded(text: bytes) -> Holder | None:
    """Who holds a claim; None where it was cut short."""
    try:
        values = json.loads(text)
        return Holder(
            values["attempt"], Process(**values["driver"]), Process(**values["worker"]), float(values["time"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def holder_of(store: Store, folder: str) -> Holder | None:
    """Who holds the point in a folder of the root; None where nobody does."""
    try:
        return decoded(store.read(f"{folder}/{CLAIM}"))
    except (FileNotFoundError, NotADirectoryError):
        return None


class Claim:
    """A hold on one point's folder while it is trained; a context manager.

    A thread renews it every 15 s. `check` before each write: a worker that was taken for dead, or
    whose driver died, must write nothing more. A claim of the same driver is taken over at once: it tries a point
    again only where it knows that the earlier attempt's worker, or its machine, is gone.

    Args:
        store: the results root.
        folder: the point's, in it.
        driver: the process that wants the point trained.

    Raises:
        Claimed: on entry, a live process holds the point.
    """

    def __init__(self, store: Store, folder: str, driver: Process) -> None:
        self._store, self._point = store, folder.rpartition("/")[2]
        self._name, self._lock = f"{folder}/{CLAIM}", f"{folder}/.lock"
        self._folder = folder
        self._me = Holder(uuid.uuid4().hex, driver, Process.current(), 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="gensweep-claim")

    def __enter__(self) -> Claim:
        with self._store.lock(self._lock):
            holder = holder_of(self._store, self._folder)
            if holder is not None and holder.is_live() and not self._succeeds(holder):
                raise Claimed(f"{self._point} is being trained by {holder}")
            self._write()
        self._thread.start()
        return self

    def _succeeds(self, holder: Holder) -> bool:
        """Whether the holder is an earlier attempt of our own driver's, on a machine that can no more be asked."""
        return holder.driver == self._me.driver and not holder.worker.is_local()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError), self._store.lock(self._lock):  # what cannot be removed expires
            if self._is_mine():
                self._store.remove(self._name)

    def check(self) -> None:
        """Make sure that the point is still ours.

        Raises:
            LostClaim: another attempt took it, or our driver is dead.
            OSError: the store does not say.
        """
        holder = holder_of(self._store, self._folder)
        if holder is None or holder.attempt != self._me.attempt:
            raise LostClaim(f"{self._point} was taken over by {holder}")
        if self._me.driver.is_local() and not self._me.driver.is_alive():
            raise LostClaim(f"the driver of {self._point} died")

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Hold the lock around a write that must not come from an old attempt.

        Raises:
            LostClaim: as `check`.
        """
        with self._store.lock(self._lock):
            self.check()
            yield

    def _is_mine(self) -> bool:
        holder = holder_of(self._store, self._folder)
        return holder is not None and holder.attempt == self._me.attempt

    def _write(self) -> None:
        self._store.write_json(self._name, asdict(self._me) | {"time": time.time()})

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError), self._store.lock(self._lock):
                if not self._is_mine():
                    return
                self._write()
