"""The ledger: what is known of every point, which is what the files under ``ROOT/points`` say."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gensweep.core.claims import Claim, Holder, Process, read_holder
from gensweep.core.errors import NewerSchema, RecordError, ResultsError
from gensweep.core.records import FAILED, OK, Record, read_record
from gensweep.core.storage import Content, write_atomic

POINTS = "points"
RECORD = "record.json"
CHECKPOINT = "checkpoint.pt"
ERROR = "error.txt"
SYNCED = ".synced"
"""What W&B appends to a `.wandb` file's name for its mark beside one that was uploaded."""


@dataclass
class State:
    """What the ledger says of some points: each id stands in `records`, `running`, or neither (missing)."""

    records: dict[str, Record] = field(default_factory=dict)
    running: dict[str, Holder] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Points whose record cannot be trusted, with the reason; they count as missing."""


class Ledger:
    """The points trained under one results root.

    Raises:
        ResultsError: ``ROOT/points`` is a file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if (root / POINTS).is_file():
            raise ResultsError(f"{root / POINTS} is a file, and should be the folder of every point")

    def folder(self, point_id: str) -> Path:
        """Where a point keeps its files."""
        return self.root / POINTS / point_id

    def read(self, wanted: Mapping[str, Mapping[str, Any]], newer: Literal["raise", "report"] = "raise") -> State:
        """Read the records of these points.

        Args:
            wanted: id -> the point's params, which its record must repeat. A parameter that only one of the
                two knows was added in between, and the id vouches that it is at its neutral value.
            newer: what becomes of a record that a later gensweep wrote: `raise` stops a run, which would
                overwrite it; `report` counts it among the unreadable, for those who only read.

        Raises:
            NewerSchema: there is one, and ``newer`` is `raise`.
        """
        state, started = State(), self._started()
        for point_id, params in wanted.items():
            if point_id not in started:
                continue
            try:
                record = self.record(point_id)
                if any(record.params[key] != params[key] for key in record.params.keys() & params.keys()):
                    raise RecordError(f"{self.folder(point_id) / RECORD}: its params are not the point's")
                state.records[point_id] = record
                continue
            except (FileNotFoundError, NotADirectoryError):
                pass
            except (RecordError, OSError) as error:
                if isinstance(error, NewerSchema) and newer == "raise":
                    raise
                state.unreadable[point_id] = str(error)
            holder = read_holder(self.folder(point_id) / "claim.json")
            if holder is not None and holder.is_live():
                state.running[point_id] = holder
        return state

    def _started(self) -> set[str]:
        """Every point that has a folder: one look instead of one a point."""
        try:
            return set(os.listdir(self.root / POINTS))
        except FileNotFoundError:
            return set()

    def record(self, point_id: str) -> Record:
        """One point's record; raises as `read_record` does."""
        return read_record(f"{self.root}/{POINTS}/{point_id}/{RECORD}", point_id)

    def claim(self, point_id: str, driver: Process) -> Claim:
        """A claim on the point, to be entered; makes the folder."""
        folder = self.folder(point_id)
        folder.mkdir(parents=True, exist_ok=True)
        return Claim(folder, driver)

    def write_file(self, claim: Claim, point_id: str, name: str, content: Content) -> None:
        """Write one of the point's files, `name` or `folder/name`, unless the claim was lost.

        Raises:
            LostClaim: a later attempt owns the point.
            OSError: as `write_atomic`.
        """
        path = self.folder(point_id) / name
        with claim.writing():
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, content)

    def finish(self, claim: Claim, record: Record) -> None:
        """Write the record, last of all files; an unreadable older one is kept aside, a checkpoint dropped."""
        folder = self.folder(record.id)
        with claim.writing():
            self._set_aside(folder)
            for left in folder.glob(".*.tmp"):  # by attempts that were killed while they wrote
                left.unlink(missing_ok=True)
            record.write(folder / RECORD)
            if record.status != FAILED:  # a retry goes on from a failed point's checkpoint
                (folder / CHECKPOINT).unlink(missing_ok=True)
            if record.status == OK:
                (folder / ERROR).unlink(missing_ok=True)

    def _set_aside(self, folder: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            try:
                read_record(folder / RECORD, folder.name)
            except RecordError:
                os.replace(folder / RECORD, folder / f"{RECORD}.unreadable")
