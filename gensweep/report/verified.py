"""The outcomes of `verify`: which points of a sweep today's code trains to the same numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gensweep.ledger.stores import MAX_RECORD_BYTES, Store
from gensweep.sweep.code_fingerprint import OTHER, SAME, UNKNOWN, compare
from gensweep.system.storage import parse_json
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.ledger.records import Record

VERIFIED = "verified"
"""The folder of a sweep with a file for each verified point.

So two calls of `verify` at the same time lose no outcome, in a bucket without locks either.
"""
_VERIFIED_LIST = "verified.json"
"""The file in which earlier versions stored all outcomes of a sweep."""
EQUAL, ROUNDING, DIFFERENT, UNCOMPARED = (
    "equal",
    "within rounding",
    "different",
    "not compared",
)


def read_verified(store: Store, sweep: str) -> list[dict[str, Any]]:
    """Return the valid entries of a sweep, one for each point that was verified."""
    folder = f"{sweep}/{VERIFIED}"
    entries = _read_list(store, sweep)
    try:
        names = sorted(store.list_files(folder))
    except OSError:
        names = []
    paths = [f"{folder}/{name}" for name in names]
    for content in store.read_all(paths, MAX_RECORD_BYTES):
        if not isinstance(content, OSError):
            entries += _parse_entries(content)
    # A point's own file comes last, and so replaces what the list says.
    return list({entry["point"]: entry for entry in entries}.values())


def write_verified(store: Store, sweep: str, entry: dict[str, Any]) -> None:
    """Store an entry; an earlier one of the same point is replaced.

    Raises:
        OSError: as `Store.write`.
    """
    store.write_json(f"{sweep}/{VERIFIED}/{entry['point']}.json", entry)


def _read_list(store: Store, sweep: str) -> list[dict[str, Any]]:
    try:
        return _parse_entries(store.read(f"{sweep}/{_VERIFIED_LIST}"))
    except OSError:
        return []


def _parse_entries(content: bytes) -> list[dict[str, Any]]:
    """Return the valid entries in a file with one entry or with a list of them."""
    try:
        value = parse_json(content)
    except ValueError:
        return []
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if _is_valid(entry)]


def _is_valid(entry: Any) -> bool:
    """Return whether a value has what is read of an entry."""
    # People and other programs edit files, so anything may be in it.
    if not isinstance(entry, dict):
        return False
    texts = [entry.get(name) for name in ("point", "outcome")]
    code = entry.get("code")
    is_code = isinstance(code, dict) and isinstance(
        code.get("metrics", {}), dict
    )
    return all(isinstance(text, str) for text in texts) and (
        code is None or is_code
    )


def match_records(
    records: Mapping[str, Record], entries: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the entries that are about these records.

    A point that was trained again since has another record.
    """
    matching = []
    for entry in entries:
        record = records.get(entry["point"])
        if record is not None and entry.get("finished") == record.finished:
            matching.append(entry)
    return matching


def describe_code(
    points: pd.DataFrame, entries: Iterable[Mapping[str, Any]]
) -> str:
    """Return what a reader must know of the code behind some points.

    Empty if all points are known to be of today's code and none was verified.

    Args:
        points: with the columns `id` and `code`.
        entries: as `read_verified` returns them.
    """
    codes = points["code"].dropna().tolist()
    total = pluralize(len(codes), "point")
    parts = []
    others, unknown = codes.count(OTHER), codes.count(UNKNOWN)
    if others:
        parts.append(
            f"trained by other code than today's: {others} of {total}"
        )
    if unknown:
        parts.append(f"trained by unknown code: {unknown} of {total}")
    ids = set(points["id"])
    current = [
        entry
        for entry in entries
        if entry["point"] in ids and is_of_today(entry)
    ]
    verified = describe_verified(current)
    if parts or verified:
        parts.append(verified or "none was verified with today's code")
    note = "; ".join(parts)
    return note[:1].upper() + note[1:]


def is_of_today(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is about the code that would train and measure its point now."""
    code, model, dataset = (
        entry.get(name) for name in ("code", "model", "dataset")
    )
    if not (
        isinstance(code, dict)
        and isinstance(model, str)
        and isinstance(dataset, str)
    ):
        return False
    return compare(code, model, dataset) == SAME


def describe_verified(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the outcome of entries in words; empty if no point was compared.

    For example `6 of 6 sampled points reproduce (6 digit for digit)`.
    """
    outcomes = Counter(entry.get("outcome") for entry in entries)
    reproduced = outcomes[EQUAL] + outcomes[ROUNDING]
    compared = reproduced + outcomes[DIFFERENT]
    if not compared:
        return ""
    verb = "reproduces" if compared == 1 else "reproduce"
    text = f"{reproduced} of {pluralize(compared, 'sampled point')} {verb}"
    if reproduced:
        text += f" ({outcomes[EQUAL]} digit for digit)"
    return text
