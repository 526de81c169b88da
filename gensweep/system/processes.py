"""Identities of processes that stay valid when a number is used again, and checks of life."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

DEAD_AFTER_SECONDS = 60.0
"""A process of another host counts as dead after this time without a sign of life."""
_MAX_PID = 1 << 31
_START_FIELD = 19
"""Index of the start time (field 22 of /proc/PID/stat) after the name, which is field 2."""


@dataclass(frozen=True)
class Process:
    """A process, not to be confused with a later one that has the same number."""

    host: str
    boot: str
    pid: int
    started: str

    @staticmethod
    def get_current() -> Process:
        """Return the calling process."""
        host, boot = _get_host_and_boot()
        return Process(host, boot, os.getpid(), _get_start(os.getpid()))

    @staticmethod
    def from_dict(values: Any) -> Process:
        """Return the process that a file describes.

        Raises:
            ValueError: the values do not describe a process.
        """
        text_fields = ("host", "boot", "started")
        if not isinstance(values, dict) or values.keys() != {
            *text_fields,
            "pid",
        }:
            raise ValueError("not a process")
        has_texts = all(isinstance(values[name], str) for name in text_fields)
        if not has_texts or not values["host"].strip():
            raise ValueError("not a process")
        # `type` and not `isinstance`: true is an int.
        if type(values["pid"]) is not int or not 0 < values["pid"] < _MAX_PID:
            raise ValueError("not the number of a process")
        return Process(**values)

    def is_local(self) -> bool:
        """Return whether this process can check its life: same host, same process namespace."""
        return self.host == _get_host_and_boot()[0]

    def is_alive(self) -> bool:
        """Return whether it still runs; meaningful only if `is_local`."""
        if self.boot != _get_host_and_boot()[1]:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it exists, and belongs to another user
            pass
        # The number may have been used again for a later process.
        return _get_start(self.pid) == self.started


@dataclass
class Watch:
    """Measures how long a value stays the same, because clocks of other machines may be wrong."""

    _value: Any = None
    _since: float = field(default_factory=time.monotonic)
    has_changed: bool = False

    def measure_unchanged(self, value: Any) -> float:
        """Return the seconds since this value was first passed, without another in between."""
        now = time.monotonic()
        if value != self._value:
            self.has_changed = self._value is not None
            self._value = value
            self._since = now
        return now - self._since


def _read(path: str) -> str:
    with (
        contextlib.suppress(OSError),
        open(path, encoding="utf-8", errors="replace") as file,
    ):
        return file.read().strip()
    return ""


@lru_cache(maxsize=1)
def _get_host_and_boot() -> tuple[str, str]:
    """Return this host and its boot.

    The host is its name, its machine id, and the process namespace: process numbers of another
    namespace mean nothing here.
    """
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    parts = (socket.gethostname(), _read("/etc/machine-id"), namespace)
    host = " ".join(part for part in parts if part)
    return host, _read("/proc/sys/kernel/random/boot_id")


def _get_start(pid: int) -> str:
    """Return the start of a process in clock ticks since boot.

    It is empty if the system does not say, and `dead` for a process that has ended.
    """
    stat = _read(f"/proc/{pid}/stat")
    # The name of the process is in parentheses and may contain anything.
    fields = stat.rpartition(")")[2].split()
    is_running = fields and fields[0] not in "ZX"
    if is_running:
        return fields[_START_FIELD]
    return "dead" if stat else ""
