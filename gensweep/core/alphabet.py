"""The characters of the arithmetic tasks, and their codes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

ALPHABET = "0123456789+- "
"""Character k has code k."""
QUERY_LENGTH = 5
"""Characters of the longest query, `99+99`."""
ANSWER_LENGTH = 3
"""Characters of the longest answers, `198` and `-99`."""


@lru_cache(maxsize=1)
def _build_code_table() -> np.ndarray:
    """Return the code of every byte [256]; len(ALPHABET) for bytes without a code."""
    table = np.full(256, len(ALPHABET), np.uint8)
    table[np.frombuffer(ALPHABET.encode("ascii"), np.uint8)] = np.arange(
        len(ALPHABET)
    )
    return table


def encode(text: str, length: int) -> np.ndarray:
    """Return the codes of a text, left-aligned and padded with spaces.

    Args:
        text: characters of `ALPHABET`.
        length: the number of codes.

    Returns:
        Codes, uint8 [length].

    Raises:
        ValueError: the text is longer than ``length``, or has a character without a code.
    """
    if len(text) > length:
        raise ValueError(
            f"{text!r} has {len(text)} characters, more than {length}"
        )
    # A character beyond ASCII becomes "?", which has no code either.
    encoded = text.ljust(length).encode("ascii", "replace")
    codes = _build_code_table()[np.frombuffer(encoded, np.uint8)]
    unknown = codes >= len(ALPHABET)
    if unknown.any():
        character = text[int(unknown.argmax())]
        raise ValueError(
            f"{character!r} in {text[:80]!r} is none of the characters {ALPHABET!r}"
        )
    return codes


def decode(codes: Iterable[int]) -> str:
    """Return the text of some codes [length], with trailing spaces: the inverse of `encode`.

    Raises:
        ValueError: a number is not a code.
    """
    numbers = [int(code) for code in codes]
    for number in numbers:
        if not 0 <= number < len(ALPHABET):
            raise ValueError(
                f"{number} is not a code; codes are 0..{len(ALPHABET) - 1}"
            )
    return "".join(ALPHABET[number] for number in numbers)
