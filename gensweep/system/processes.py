"""Processes that can be told from later ones with the same number, and what is known of them without asking."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

DEAD_AFTER_SECONDS = 60.0
"""Seconds without a sign of life after which a process of another host counts as dead."""
_MOST_PID = 1 << 31


@dataclass(frozen=True)
class Process:
    """A process that can be told from a later one with the same number."""

    host: str
    boot: str
    pid: int
    started: str

    @staticmethod
    def get_current() -> Process:
        """The calling process."""
        host, boot = _here()
        return Process(host, boot, os.getpid(), _started(os.getpid()))

    @staticmethod
    def from_dict(values: Any) -> Process:
        """Return the process that a file describes.

        Raises:
            ValueError: the values describe none.
        """
        names = ("host", "boot", "pid", "started")
        if not isinstance(values, dict) or values.keys() != set(names):
            raise ValueError("not a process")
        if (
            not all(isinstance(values[name], str) for name in names if name != "pid")
            or not values["host"].strip()
        ):
            raise ValueError("not a process")
        if type(values["pid"]) is not int or not 0 < values["pid"] < _MOST_PID:
            raise ValueError("not the number of a process")
        return Process(**values)

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


@dataclass
class Watch:
    """How long something has stayed as it is, by this process's clock: clocks of other machines may be wrong."""

    _seen: Any = None
    _since: float = field(default_factory=time.monotonic)
    has_changed: bool = False

    def measure_unchanged(self, seen: Any) -> float:
        """Look again; return the seconds since this was first seen."""
        now = time.monotonic()
        if seen != self._seen:
            self.has_changed = self._seen is not None
            self._seen, self._since = seen, now
        return now - self._since


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
