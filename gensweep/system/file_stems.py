"""File names that every file system tells apart."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import sha256

from gensweep.system.naming import INVISIBLE_CATEGORIES, make_distinct

MAX_STEM_LENGTH = 100
"""Characters of a stem; a longer one is cut and ends in a digest."""
_MAX_NAME_BYTES = 200
_STEM_DIGEST_DIGITS = 8
_UNSAFE = re.compile(r"[^A-Za-z0-9._=+]")


def make_file_stem(*parts: str) -> str:
    """Return the stem of one file; see `make_file_stems`."""
    return make_file_stems([parts])[0]


def make_file_stems(identities: Iterable[Sequence[str]]) -> list[str]:
    """Return a stem for each identity; different identities get stems that differ in every case.

    A stem has ASCII letters, digits, and `._=+-`, and about `MAX_STEM_LENGTH` characters at most.
    It is as readable as the identity. Stems that are equal, or differ only in case, end in digests.

    Args:
        identities: the name of a table or figure, then what distinguishes its files; empty parts
            are ignored.
    """
    keys = [tuple(part for part in parts if part) for parts in identities]
    stems = {}
    digests = {}
    for parts in keys:
        digest = sha256(json.dumps(parts).encode()).hexdigest()
        stem = "-".join(_UNSAFE.sub("_", part) for part in parts)
        if len(stem) > MAX_STEM_LENGTH:
            stem = f"{stem[:MAX_STEM_LENGTH]}-{digest[:_STEM_DIGEST_DIGITS]}"
        stems[parts] = stem
        digests[parts] = digest
    distinct = make_distinct(stems, digests, str.casefold, "-")
    return [distinct[parts] for parts in keys]


def is_file_name(text: str) -> bool:
    """Return whether a text can be the name of a file or folder, and is not a path elsewhere."""
    if not text or text.startswith(".") or "/" in text or "\\" in text:
        return False
    # The look at each character takes long for the ids of 100,000 points, which are printable.
    if not text.isprintable() and _has_invisible(text):
        return False
    return len(text.encode(errors="replace")) <= _MAX_NAME_BYTES


def _has_invisible(text: str) -> bool:
    """Return whether a text has characters that no reader sees."""
    return any(
        unicodedata.category(char) in INVISIBLE_CATEGORIES for char in text
    )
