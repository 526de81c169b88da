"""What a process does with memory between the steps of a training, and the most that it had."""

from __future__ import annotations

import contextlib
import ctypes
import re
import resource
import sys
from functools import lru_cache
from pathlib import Path

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of glibc's mallopt, from malloc.h."""


@lru_cache(maxsize=1)
def configure_malloc() -> None:
    """Have this process keep memory that it frees, where its C library is glibc; elsewhere nothing changes.

    Every step frees all its activations. By default glibc hands blocks of that size back to the system, and each
    step's memory is then mapped and cleared page by page anew: up to half of the time of a convolutional step. Threads
    that start later share one arena, since those of their own cannot grow as far.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(_ARENA_MAX, 1)


def reset_peaks() -> None:
    """Let `get_peaks` count from here on: give back what an earlier point of this process left, and reset the marks."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def get_peaks() -> dict[str, int]:
    """The most memory in bytes since `reset_peaks`: `peak_memory`, and `peak_gpu_memory` where there was a GPU.

    The first is resident memory, shared pages included. Where the system cannot forget it (macOS, a container that
    forbids it) it is the most since the process began, and may be an earlier point's.
    """
    found = {"peak_memory": _resident()}
    if torch.cuda.is_initialized():
        found["peak_gpu_memory"] = torch.cuda.max_memory_allocated()
    return found


def _resident() -> int:
    with contextlib.suppress(OSError):
        if mark := re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M):
            return 1024 * int(mark[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
