"""Large files of finished points that may be removed, without losing a result."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gensweep.core.errors import RecordError, ResultsError
from gensweep.core.keep import keeps_weights
from gensweep.ledger import claims
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest import read_sweep_file
from gensweep.ledger.point_files import (
    CHECKPOINT,
    LOCK,
    POINTS,
    WEIGHTS,
)
from gensweep.ledger.status import Status


@dataclass(frozen=True)
class LargeFile:
    """A file of a finished point."""

    point_id: str
    name: str
    size: int


@dataclass
class PrunePlan:
    """The files that a pruning removes.

    Attributes:
        files: of points that are done.
        finished: number of points that are done.
        unfinished: number of points that are missing, failed or in training. Their checkpoints
            stay, since they go on from them.
    """

    files: list[LargeFile] = field(default_factory=list)
    finished: int = 0
    unfinished: int = 0


def plan_pruning(
    ledger: Ledger, point_ids: Collection[str], keep: str
) -> PrunePlan:
    """Return which large files of these points can be removed.

    Args:
        ledger: the ledger of the points.
        point_ids: their ids.
        keep: what stays, as `gensweep.core.keep`: `weights` or `nothing`.

    Raises:
        StoreError: a remote root does not answer.
    """
    names = [CHECKPOINT]
    if not keeps_weights(keep):
        names.append(WEIGHTS)
    state = ledger.read(
        {point_id: {} for point_id in point_ids}, newer="report"
    )
    store = ledger.store.snapshot(POINTS)
    plan = PrunePlan()
    for point_id in sorted(point_ids):
        record = state.records.get(point_id)
        if record is None or record.status == Status.FAILED:
            plan.unfinished += 1
            continue
        plan.finished += 1
        files = store.list_files(f"{POINTS}/{point_id}")
        for name in names:
            if name in files:
                plan.files.append(LargeFile(point_id, name, files[name].size))
    return plan


def remove_files(
    ledger: Ledger, files: Sequence[LargeFile]
) -> list[LargeFile]:
    """Remove large files, and return those that were removed.

    A file stays if its point is in training again by now.

    Raises:
        OSError: as `Store.remove`.
    """
    removed = []
    for file in files:
        folder = f"{POINTS}/{file.point_id}"
        with ledger.store.lock(f"{folder}/{LOCK}"):
            holder = claims.read_holder(ledger.store, folder)
            is_claimed = holder is not None and claims.is_live(
                ledger.store, folder, holder
            )
            if is_claimed or not _is_finished(ledger, file.point_id):
                continue
            ledger.store.remove(f"{folder}/{file.name}")
            removed.append(file)
    return removed


def _is_finished(ledger: Ledger, point_id: str) -> bool:
    """Return whether a point is done: a failed one goes on from its checkpoint."""
    try:
        record = ledger.read_record(point_id)
    except (FileNotFoundError, NotADirectoryError, RecordError):
        return False
    return record.status != Status.FAILED


def find_sweeps_of(
    ledger: Ledger, point_ids: Collection[str], but: str
) -> dict[str, int]:
    """Return other sweeps of the results root that have some of these points, and how many.

    Args:
        ledger: the ledger of the points.
        point_ids: their ids.
        but: a sweep that is left out.
    """
    wanted = set(point_ids)
    shared = {}
    for folder in sorted(ledger.store.list_folders("") - {POINTS, but}):
        # Other folders are no sweeps.
        with contextlib.suppress(ResultsError):
            sweep = read_sweep_file(ledger.store, folder)
            ids = {
                point_id
                for cell in sweep.cells
                for point_id in cell.points.values()
            }
            if wanted & ids:
                shared[folder] = len(wanted & ids)
    return shared
