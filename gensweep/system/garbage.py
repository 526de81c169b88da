"""The collection of garbage, which costs much where many objects are created that all stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator


@contextlib.contextmanager
def pause_collection() -> Generator[None]:
    """Do not look for garbage inside: 100,000 new objects would be searched again and again.

    Use it with `with`, or as a decorator.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
