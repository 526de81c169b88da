"""Names of LaTeX macros: letters only, readable, and the same for the same thing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "gs"
DIGITS = (
    "Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine",
)  # fmt: skip
_TOKEN = re.compile(
    r"[A-Za-z]+|\d|(?<=\d)\.(?=\d)|(?<![A-Za-z0-9])-(?=\d)|(?<=e)-(?=\d)|[^\x00-\x7f]"
)
_DIGEST_LETTERS = 5


def spell(text: str) -> str:
    """Return a text in letters: ``text_to_text`` is TextToText, ``0.5`` ZeroPointFive."""
    words = []
    for token in _TOKEN.findall(_strip_accents(text)):
        if token.isascii() and token.isalpha():
            words.append(token[:1].upper() + token[1:])
        elif token in "0123456789":
            words.append(DIGITS[int(token)])
        elif token == ".":
            words.append("Point")
        elif token == "-":
            words.append("Minus")
        else:
            code = "".join(
                DIGITS[int(char)] if char.isdigit() else char
                for char in f"{ord(token):X}"
            )
            words.append(f"U{code}")
    return "".join(words) or "Empty"


def _strip_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(
        char for char in decomposed if not unicodedata.combining(char)
    )


def make_names(identities: Sequence[Sequence[str]]) -> list[str]:
    """Return a macro name for each identity; different ones get different names.

    Names that would be equal, as of ``a_b`` and ``aB``, end in letters of a hash of the identity.

    Args:
        identities: what the macro stands for, part by part.
    """
    names = [PREFIX + "".join(map(spell, parts)) for parts in identities]
    counts = Counter(names)
    unique = []
    for name, parts in zip(names, identities, strict=True):
        if counts[name] > 1:
            name += _hash_letters(parts)
        unique.append(name)
    return unique


def _hash_letters(parts: Sequence[str]) -> str:
    digest = sha256("\x00".join(parts).encode(errors="replace")).digest()
    letters = [chr(ord("a") + byte % 26) for byte in digest[:_DIGEST_LETTERS]]
    return "".join(letters).capitalize()
