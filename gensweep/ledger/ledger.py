"""The ledger: what is known of every point, which is what the files under ``ROOT/points`` say."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gensweep.core.errors import LostClaim, NewerSchema, RecordError, ResultsError, Unavailable
from gensweep.ledger import claims
from gensweep.ledger.claims import CLAIM, Claim, Holder, Process
from gensweep.ledger.records import FAILED, OK, Record, decode_record
from gensweep.ledger.stores import MAX_RECORD_BYTES, Store
from gensweep.system.storage import Content, NotRegular

log = logging.getLogger(__name__)
POINTS = "points"
RECORD = "record.json"
CHECKPOINT = "checkpoint.pt"
ERROR = "error.txt"
SYNCED = ".synced"
"""What W&B appends to a `.wandb` file's name for its mark beside one that was uploaded."""
FEW = 50
"""Points that are asked for one by one; of more, what has been begun is listed first."""


@dataclass
class State:
    """What the ledger says of some points: each id stands in `records`, `running`, or neither (missing)."""

    records: dict[str, Record] = field(default_factory=dict)
    running: dict[str, Holder] = field(default_factory=dict)
    expired: dict[str, Holder] = field(default_factory=dict)
    """Points with a claim whose holder is dead; the next attempt replaces it."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Points whose record cannot be trusted, with the reason; they count as missing."""


class Ledger:
    """The points trained under one results root.

    Args:
        store: the root, or its folder.

    Raises:
        ResultsError: ``ROOT/points`` is no folder, but a file, or a link to what is not there.
    """

    def __init__(self, store: Store | Path) -> None:
        self.store = store if isinstance(store, Store) else Store(store)
        points = self.store.root / POINTS
        if os.path.lexists(points) and not points.is_dir():
            what = f"a link to {os.readlink(points)}" if points.is_symlink() else "a file"
            raise ResultsError(
                f"{self.store.uri(POINTS)} is {what}, and should be the folder of every point"
            )

    def folder(self, point_id: str) -> Path:
        """Where a point's files, or the copies of them that were made, lie on this machine."""
        return self.store.root / POINTS / point_id

    def read(
        self, wanted: Mapping[str, Mapping[str, Any]], newer: Literal["raise", "report"] = "raise"
    ) -> State:
        """Read the records of these points.

        Args:
            wanted: id -> the point's params, which its record must repeat. A parameter that only one of the
                two knows was added in between, and the id vouches that it is at its neutral value. `model` and
                `seed` may be among them: the record's own must be the same.
            newer: what becomes of a record that a later gensweep wrote: `raise` stops a run, which would
                overwrite it; `report` counts it among the unreadable, for those who only read.

        Raises:
            NewerSchema: there is one, and ``newer`` is `raise`.
            Unavailable: a root elsewhere does not answer, or refuses.
        """
        state, store, begun = State(), self.store, list(wanted)
        if len(wanted) > FEW:
            store = store.snapshot(POINTS)
            there = store.list_folders(POINTS)
            begun = [point_id for point_id in wanted if point_id in there]
        names = [f"{POINTS}/{point_id}/{RECORD}" for point_id in begun]
        for point_id, name, found in zip(
            begun, names, store.read_all(names, MAX_RECORD_BYTES), strict=True
        ):
            try:
                record = _record(found, store.uri(name), point_id)
                if other := _contradictions(record, wanted[point_id]):
                    raise RecordError(f"{store.uri(name)}: is of another point: {', '.join(other)}")
                state.records[point_id] = record
            except (FileNotFoundError, NotADirectoryError):
                pass
            except (RecordError, OSError) as error:
                if isinstance(error, Unavailable) or (
                    isinstance(error, NewerSchema) and newer == "raise"
                ):
                    raise
                state.unreadable[point_id] = str(error)
        self._read_claims(
            store, [point_id for point_id in begun if point_id not in state.records], state
        )
        return state

    def _read_claims(self, store: Store, points: list[str], state: State) -> None:
        names = [f"{POINTS}/{point_id}/{CLAIM}" for point_id in points]
        for point_id, found in zip(points, store.read_all(names, MAX_RECORD_BYTES), strict=True):
            holder = claims.parse_claim(found) if isinstance(found, bytes) else None
            if holder is not None:
                is_live = claims.is_live(store, f"{POINTS}/{point_id}", holder)
                (state.running if is_live else state.expired)[point_id] = holder

    def read_record(self, point_id: str) -> Record:
        """One point's record.

        Raises:
            FileNotFoundError, NotADirectoryError: there is none.
            RecordError: as `gensweep.ledger.records.decode_record`.
        """
        name = f"{POINTS}/{point_id}/{RECORD}"
        return decode_record(
            self.store.read(name, MAX_RECORD_BYTES), self.store.uri(name), point_id
        )

    def read_others(self, known: Set[str]) -> Iterator[Record]:
        """Every record that can be read, in no order, but those of points that are known."""
        store = self.store.snapshot(POINTS)
        points = store.list_folders(POINTS) - known
        names = [f"{POINTS}/{point_id}/{RECORD}" for point_id in points]
        for point_id, name, found in zip(
            points, names, store.read_all(names, MAX_RECORD_BYTES), strict=True
        ):
            with contextlib.suppress(OSError, RecordError):
                yield _record(found, name, point_id)

    def claim(self, point_id: str, driver: Process) -> Claim:
        """A claim on the point, to be entered; it makes the folder."""
        return Claim(self.store, f"{POINTS}/{point_id}", driver)

    def drop_claim(self, point_id: str, holder: Holder) -> None:
        """Remove the claim of a dead holder, which others would watch first; one that was renewed stays.

        Raises:
            OSError: as `Store.remove`.
        """
        folder = f"{POINTS}/{point_id}"
        with self.store.lock(f"{folder}/.lock"):
            if claims.read_holder(self.store, folder) == holder:
                self.store.remove(f"{folder}/{CLAIM}")

    def clean(self, points: Iterable[str]) -> None:
        """Remove what killed processes left in the folders of finished points; what cannot be removed stays.

        Args:
            points: ids of points with a record.
        """
        there = self.store.snapshot(POINTS)
        for folder in (f"{POINTS}/{point_id}" for point_id in points):
            if there.exists(f"{folder}/{CLAIM}"):
                with contextlib.suppress(OSError), self.store.lock(f"{folder}/.lock"):
                    holder = claims.read_holder(self.store, folder)
                    if holder is None or not claims.is_live(self.store, folder, holder):
                        self.store.remove(f"{folder}/{CLAIM}")
                        self.store.remove_leftovers(folder)

    def write_file(self, claim: Claim, point_id: str, name: str, content: Content) -> None:
        """Write one of the point's files, `name` or `folder/name`, unless the claim was lost.

        Raises:
            LostClaim: a later attempt owns the point.
            OSError: as `Store.write`.
        """
        with claim.lock_for_writing():
            self.store.write(f"{POINTS}/{point_id}/{name}", content)

    def finish(self, claim: Claim, record: Record) -> None:
        """Write the record, last of all files; an unreadable older one is kept aside, a checkpoint dropped.

        Raises:
            LostClaim: a later attempt owns the point, or has finished it.
            OSError: as `Store.write`.
        """
        folder = f"{POINTS}/{record.id}"
        with claim.lock_for_writing():
            before = self._set_aside(record.id)
            # A result of other code may be replaced by whatever today's code gives.
            is_of_same_code = before is not None and before.code == record.code
            if before and before.status == OK != record.status and is_of_same_code:
                raise LostClaim(
                    f"{record.id} was finished by somebody else"
                )  # where the root knows no locks
            self.store.remove_leftovers(folder)
            self.store.write(f"{folder}/{RECORD}", record.to_json())
            with self._cleaning(record.id):
                if record.status != FAILED:  # a retry goes on from a failed point's checkpoint
                    self.store.remove(f"{folder}/{CHECKPOINT}")
                if record.status == OK:
                    self.store.remove(f"{folder}/{ERROR}")

    @contextlib.contextmanager
    def _cleaning(self, point_id: str) -> Generator[None]:
        """A record that is written counts, whatever cannot be removed after it."""
        try:
            yield
        except OSError as error:
            log.warning("%s is finished, and keeps what is of no use any more: %s", point_id, error)

    def _set_aside(self, point_id: str) -> Record | None:
        """The record that is there; one that cannot be trusted is copied beside it."""
        name = f"{POINTS}/{point_id}/{RECORD}"
        try:
            text = self.store.read(name, MAX_RECORD_BYTES)
            return decode_record(text, name, point_id)
        except (FileNotFoundError, NotRegular):  # a pipe or a device holds nothing to be copied
            return None
        except RecordError:
            self.store.write(f"{name}.unreadable", text)
            return None


def _contradictions(record: Record, wanted: Mapping[str, Any]) -> list[str]:
    """What a record says otherwise than the point that is wanted: `params`, `model`, `seed`."""
    others = []
    keys = (
        record.params.keys() | {"dataset"}
    ) & wanted.keys()  # every model has one since the beginning
    if any(record.params.get(key) != wanted[key] for key in keys):
        others.append("params")
    for name in ("model", "seed"):
        if name in wanted and wanted[name] != getattr(record, name):
            others.append(name)
    return others


def _record(found: bytes | OSError, place: str, point_id: str) -> Record:
    if isinstance(found, OSError):
        raise found
    return decode_record(found, place, point_id)
