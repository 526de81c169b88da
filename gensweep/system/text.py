"""Text for people: numbers with units, and text without invisible characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.system.terminal import Console

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line feed, changes of direction, and lone surrogates."""


def replace_surrogates(value: Any) -> Any:
    """Return text, or lists and dicts of text, with `?` for lone surrogates: no file can hold them.

    Python puts lone surrogates into file names that are not UTF-8.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        pairs = value.items()
        return {
            replace_surrogates(key): replace_surrogates(item)
            for key, item in pairs
        }
    if isinstance(value, list):
        return [replace_surrogates(item) for item in value]
    return value


def escape_controls(text: str) -> str:
    r"""Return text with control characters as ``\x1b``: a terminal would obey them."""
    return _INVISIBLE.sub(lambda match: repr(match[0])[1:-1], text)


def pluralize(count: int, noun: str) -> str:
    """Return ``1 point`` or ``3 points``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_duration(seconds: float) -> str:
    """Return a duration such as `0.42 s`, `45 s`, `12 min`, `3 h 20 min` or `412 h`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 6000:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes / 60:.0f} h"


def print_line(console: Console, text: str, style: str | None = None) -> None:
    """Print text as it is, without line breaks of its own."""
    console.print(text, style=style, soft_wrap=True)
