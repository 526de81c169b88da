"""The state of points: which have a record, which are being trained, which are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gensweep.core.errors import NewerSchemaError, RecordError, StoreError
from gensweep.ledger import claims
from gensweep.ledger.claims import CLAIM, Holder
from gensweep.ledger.point_files import POINTS, RECORD
from gensweep.ledger.records import Record, check_matches, decode_record
from gensweep.ledger.stores import MAX_RECORD_BYTES, Store

MAX_POINTS_UNLISTED = 50
"""Up to this many points are read one by one; for more, the root is listed first."""


@dataclass
class State:
    """The ledger's state of some points.

    Each id is in `records`, in `running`, or in neither: then the point is missing. It is in both
    only if the reader asked for it, while a point with a record is trained again.
    """

    records: dict[str, Record] = field(default_factory=dict)
    running: dict[str, Holder] = field(default_factory=dict)
    expired: dict[str, Holder] = field(default_factory=dict)
    """Points with a claim of a dead process; the next attempt replaces it."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Points with an invalid record, and the reason; they count as missing."""


def read_state(
    store: Store,
    wanted: Mapping[str, Mapping[str, Any]],
    newer: Literal["raise", "report"] = "raise",
    all_claims: bool = False,
) -> State:
    """Read the records and claims of these points; arguments as `Ledger.read`."""
    state = State()
    point_ids = list(wanted)
    if len(wanted) > MAX_POINTS_UNLISTED:
        # One listing is cheaper than a request for each point that was never started.
        store = store.snapshot(POINTS)
        existing = store.list_folders(POINTS)
        point_ids = [point_id for point_id in wanted if point_id in existing]
    for point_id, name, content in read_records(store, point_ids):
        path = store.uri(name)
        try:
            record = decode_or_raise(content, path, point_id)
            check_matches(record, wanted[point_id], path)
            state.records[point_id] = record
        except (FileNotFoundError, NotADirectoryError):
            pass
        except StoreError:
            raise
        except NewerSchemaError as error:
            if newer == "raise":
                raise
            state.unreadable[point_id] = str(error)
        except IsADirectoryError:
            state.unreadable[point_id] = (
                f"{path}: should be a file, but is a folder"
            )
        except (RecordError, OSError) as error:
            state.unreadable[point_id] = str(error)
    claimable = [
        point_id
        for point_id in point_ids
        if all_claims or point_id not in state.records
    ]
    _add_claims(store, claimable, state)
    return state


def _add_claims(store: Store, point_ids: list[str], state: State) -> None:
    names = [f"{POINTS}/{point_id}/{CLAIM}" for point_id in point_ids]
    contents = store.read_all(names, MAX_RECORD_BYTES)
    for point_id, content in zip(point_ids, contents, strict=True):
        if isinstance(content, OSError):
            continue
        holder = claims.parse_claim(content)
        if holder is None:
            continue
        folder = f"{POINTS}/{point_id}"
        if claims.is_live(store, folder, holder):
            state.running[point_id] = holder
        else:
            state.expired[point_id] = holder


def read_records(
    store: Store, point_ids: list[str]
) -> Iterator[tuple[str, str, bytes | OSError]]:
    """Yield the id, the record's name, and its content or the error of reading it."""
    names = [f"{POINTS}/{point_id}/{RECORD}" for point_id in point_ids]
    contents = store.read_all(names, MAX_RECORD_BYTES)
    return zip(point_ids, names, contents, strict=True)


def decode_or_raise(
    content: bytes | OSError, path: str, point_id: str
) -> Record:
    """Return the record in the content; raise the error that reading it raised."""
    if isinstance(content, OSError):
        raise content
    return decode_record(content, path, point_id)
