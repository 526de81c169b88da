"""What a process does with memory between the steps of a training."""

from __future__ import annotations

import ctypes
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of glibc's mallopt, from malloc.h."""


@lru_cache(maxsize=1)
def keep_memory() -> None:
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
