"""What `verify` remembers of a sweep: which of its points today's code trains to the same numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gensweep.core.code_fingerprint import fingerprint, trains_alike
from gensweep.core.stores import Store
from gensweep.core.words import counted

VERIFIED = "verified.json"
EQUAL, ROUNDING, DIFFERENT, UNCOMPARED = "equal", "within rounding", "different", "not compared"


def read_verified(store: Store, sweep: str) -> list[dict[str, Any]]:
    """Return the entries of a sweep's verified.json that can be read, a point each."""
    try:
        entries = json.loads(store.read(f"{sweep}/{VERIFIED}"))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("point"), str)]


def of_today(entries: Iterable[Mapping[str, Any]], points: Mapping[str, tuple[str, str]]) -> list[Mapping[str, Any]]:
    """Return the entries that say something of today's code.

    Args:
        entries: as `read_verified`.
        points: id -> model and dataset, of the sweep's points.
    """
    current = []
    for entry in entries:
        if entry["point"] in points:
            today = fingerprint(*points[entry["point"]])
            code = entry.get("code")
            if today is not None and isinstance(code, dict) and trains_alike(code, today):
                current.append(entry)
    return current


def describe_verified(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return in words what came of some points: `6 of 6 sampled points reproduce (4 digit for digit)`."""
    outcomes = Counter(entry.get("outcome") for entry in entries)
    compared = outcomes[EQUAL] + outcomes[ROUNDING] + outcomes[DIFFERENT]
    if not compared:
        return ""
    reproduced = outcomes[EQUAL] + outcomes[ROUNDING]
    exact = f" ({outcomes[EQUAL]} digit for digit)" if reproduced else ""
    return f"{reproduced} of {counted(compared, 'sampled point')} reproduce{exact}"
