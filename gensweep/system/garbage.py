"""The collection of garbage, which costs much where many objects are created that all stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator


@contextlib.contextmanager
def pause_collection() -> Generator[None]:
    """Do not look for garbage inside: 100,000 new points would be searched again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
