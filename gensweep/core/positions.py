"""The position of a function in a file, for messages."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any


def locate_function(function: Any) -> str:
    """Return the file and the line where a function begins; empty if it is not Python's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
