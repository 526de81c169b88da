"""The characters of the arithmetic tasks, and their codes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

ALPHABET = "0123456789+- "
"""Character k has code k."""
QUERY_LENGTH = 5
"""Of the longest query, `99+99`."""
ANSWER_LENGTH = 3
"""Of the longest answers, `198` and `-99`."""


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """The code of every byte [256]; len(ALPHABET) where it has none."""
    table = np.full(256, len(ALPHABET), np.uint8)
    table[np.frombuffer(ALPHABET.encode("ascii"), np.uint8)] = np.arange(len(ALPHABET))
    return table


def encode(text: str, length: int) -> np.ndarray:
    """Codes of a text, left-aligned and filled up with spaces.

    Args:
        text: characters of `ALPHABET`.
        length: how many codes.

    Returns:
        Codes, uint8 [length].

    Raises:
        ValueError: the text is longer than ``length``, or has a character without a code.
    """
    if len(text) > length:
        raise ValueError(f"{text!r} has {len(text)} characters, more than {length}")
    # A character beyond ASCII becomes "?", which has no code either.
    codes = _table()[np.frombuffer(text.ljust(length).encode("ascii", "replace"), np.uint8)]
    if (unknown := codes >= len(ALPHABET)).any():
        raise ValueError(
            f"{text[int(unknown.argmax())]!r} in {text[:80]!r} is none of the characters {ALPHABET!r}"
        )
    return codes


def decode(codes: Iterable[int]) -> str:
    """The text of some codes [length], trailing spaces kept: the inverse of `encode`.

    Raises:
        ValueError: a number is no code.
    """
    numbers = [int(code) for code in codes]
    if wrong := [number for number in numbers if not 0 <= number < len(ALPHABET)]:
        raise ValueError(f"{wrong[0]} is no code; codes are 0..{len(ALPHABET) - 1}")
    return "".join(ALPHABET[number] for number in numbers)
