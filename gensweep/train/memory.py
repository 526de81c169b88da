"""Memory of this process: how freed memory is reused, and the most that was used."""

from __future__ import annotations

import contextlib
import ctypes
import re
import resource
import sys
from functools import lru_cache
from pathlib import Path

import torch

# Parameters of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8


@lru_cache(maxsize=1)
def configure_malloc() -> None:
    """Make this process keep memory that it frees, if its C library is glibc; else do nothing.

    Every step frees all its activations. By default glibc returns blocks of that size to the
    system, and each step's memory is then mapped and cleared page by page again: up to half of the
    time of a convolutional step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
    # Threads that start later share one arena, since arenas of their own cannot grow as large.
    mallopt(_ARENA_MAX, 1)


def reset_peaks() -> None:
    """Make `get_peaks` count from now on."""
    # An earlier point of this process may have left freed memory, which would count too.
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def get_peaks() -> dict[str, int]:
    """Return the most memory in bytes since `reset_peaks`.

    Returns:
        `peak_memory`, and `peak_gpu_memory` if there was a GPU.

        The first is resident memory, shared pages included. If the system cannot reset it (macOS,
        a container that forbids it), it counts from the start of the process, and may be an
        earlier point's.
    """
    peaks = {"peak_memory": _get_resident_peak()}
    if torch.cuda.is_initialized():
        peaks["peak_gpu_memory"] = torch.cuda.max_memory_allocated()
    return peaks


def _get_resident_peak() -> int:
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        if match:
            return 1024 * int(match[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux KiB.
    return peak if sys.platform == "darwin" else 1024 * peak
