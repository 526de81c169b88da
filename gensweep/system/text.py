"""Words for numbers, and how they are said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.system.terminal import Console


def replace_surrogates(value: Any) -> Any:
    """Text, and lists and dicts of it, with `?` in place of what no file can hold: lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {replace_surrogates(key): replace_surrogates(item) for key, item in value.items()}
    return [replace_surrogates(item) for item in value] if isinstance(value, list) else value


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line feed, those that turn the direction of writing, and lone surrogates."""


def escape_controls(text: str) -> str:
    r"""Return the text with control characters written out, as ``\x1b``: a terminal would act on them."""
    return _UNSEEN.sub(lambda match: repr(match[0])[1:-1], text)


def pluralize(count: int, noun: str) -> str:
    """``1 point``, ``3 points``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_duration(seconds: float) -> str:
    """`0.42 s`, `45 s`, `12 min`, `3 h 20 min`, `412 h`."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 6000 else f"{minutes / 60:.0f} h"


def print_line(console: Console, text: str, style: str | None = None) -> None:
    """Print a line as it is; it is not broken."""
    console.print(text, style=style, soft_wrap=True)
