"""What `verify` remembers of a sweep: which of its points today's code trains to the same numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gensweep.ledger.stores import Store
from gensweep.sweep.code_fingerprint import OTHER, SAME, UNKNOWN, compare
from gensweep.system.storage import parse_json
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.ledger.records import Record

VERIFIED = "verified.json"
EQUAL, ROUNDING, DIFFERENT, UNCOMPARED = "equal", "within rounding", "different", "not compared"


def read_verified(store: Store, sweep: str) -> list[dict[str, Any]]:
    """Return the entries of a sweep's verified.json that can be read, a point each."""
    try:
        entries = parse_json(store.read(f"{sweep}/{VERIFIED}"))
    except (OSError, ValueError):
        return []
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if _is_entry(entry)]


def _is_entry(entry: Any) -> bool:
    """Return whether a value has what is read of an entry; people and other programs edit files."""
    if not isinstance(entry, dict):
        return False
    texts = [entry.get(name) for name in ("point", "outcome")]
    code = entry.get("code")
    is_code = isinstance(code, dict) and isinstance(code.get("metrics", {}), dict)
    return all(isinstance(text, str) for text in texts) and (code is None or is_code)


def match_records(
    records: Mapping[str, Record], entries: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the entries of these records; a point that was trained again since has another one."""
    return [
        entry
        for entry in entries
        if entry["point"] in records and entry.get("finished") == records[entry["point"]].finished
    ]


def describe_code(points: pd.DataFrame, entries: Iterable[Mapping[str, Any]]) -> str:
    """Return what a reader must know of the code behind some points; nothing where all are of today's code.

    Args:
        points: with the columns `id` and `code`.
        entries: as `read_verified`.
    """
    codes = points["code"].dropna().tolist()
    total = pluralize(len(codes), "point")
    parts = []
    if others := codes.count(OTHER):
        parts.append(f"trained by other code than today's: {others} of {total}")
    if unknown := codes.count(UNKNOWN):
        parts.append(f"trained by unknown code: {unknown} of {total}")
    ids = set(points["id"])
    verified = describe_verified(
        entry for entry in entries if entry["point"] in ids and is_of_today(entry)
    )
    if parts or verified:
        parts.append(verified or "none was verified with today's code")
    note = "; ".join(parts)
    return note[:1].upper() + note[1:]


def is_of_today(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is about the code that would train and measure its point now."""
    code, model, dataset = (entry.get(name) for name in ("code", "model", "dataset"))
    if not (isinstance(code, dict) and isinstance(model, str) and isinstance(dataset, str)):
        return False
    return compare(code, model, dataset) == SAME


def describe_verified(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return in words what came of some points: `6 of 6 sampled points gave the same numbers again`."""
    outcomes = Counter(entry.get("outcome") for entry in entries)
    compared = outcomes[EQUAL] + outcomes[ROUNDING] + outcomes[DIFFERENT]
    if not compared:
        return ""
    reproduced = outcomes[EQUAL] + outcomes[ROUNDING]
    exact = f" ({outcomes[EQUAL]} digit for digit)" if reproduced else ""
    return f"{reproduced} of {pluralize(compared, 'sampled point')} reproduce{exact}"
