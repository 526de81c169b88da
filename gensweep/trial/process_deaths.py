"""Deaths of this process during a task: how often a point may end it before it counts as failed.

`os._exit`, a crash in native code and a lack of memory leave no time for a record. If a worker
of Ray dies, its driver writes one. If the driver trains by itself, only the next start can.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from gensweep.core.errors import GensweepError, LostClaimError, StoreError
from gensweep.ledger.point_files import ATTEMPT, POINTS
from gensweep.system.storage import NotRegularFileError, parse_json
from gensweep.trial.point_folder import PointFolder

log = logging.getLogger(__name__)
MAX_DEATHS = 3
"""Deaths without progress, after which a point counts as failed; a trial of Ray starts as often."""
_MAX_BYTES = 10_000


class ProcessDiedError(GensweepError):
    """Every attempt at a point ended its process in the same epoch."""


def note_attempt(folder: PointFolder, epoch: int) -> None:
    """Note that an attempt begins, for the next one if this process dies.

    Args:
        folder: of the point.
        epoch: the last epoch of its checkpoint; 0: there is none.

    Raises:
        ProcessDiedError: the process died `MAX_DEATHS` times since the point made progress.
        LostClaimError: a later attempt owns the point.
        StoreError: the results root refuses.
    """
    deaths = _count_deaths(_read_note(folder), epoch)
    if deaths >= MAX_DEATHS:
        # A retry begins to count anew.
        forget_attempt(folder)
        raise ProcessDiedError(
            f"the process died {deaths} times in epoch {epoch + 1} of this point, without an error "
            "of Python: by os._exit, by a crash in native code, by a lack of memory, or somebody "
            "killed it; --retry-failed tries again"
        )
    if deaths:
        log.warning(
            "%s: this is attempt %d of %d: the process died in epoch %d",
            folder.point_id,
            deaths + 1,
            MAX_DEATHS,
            epoch + 1,
        )
    note = f'{{"epoch": {epoch}, "deaths": {deaths}}}\n'
    folder.write(ATTEMPT, note.encode())


def forget_attempt(folder: PointFolder) -> None:
    """Remove the note of an attempt that ended otherwise; one that stays does little harm."""
    with contextlib.suppress(OSError, LostClaimError, StoreError):
        folder.remove(ATTEMPT)


def _read_note(folder: PointFolder) -> Mapping[str, Any] | None:
    """Return what an earlier attempt noted and did not remove; None if there is no such note."""
    name = f"{POINTS}/{folder.point_id}/{ATTEMPT}"
    try:
        note = parse_json(folder.ledger.store.read(name, _MAX_BYTES))
    except (FileNotFoundError, NotRegularFileError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def _count_deaths(note: Mapping[str, Any] | None, epoch: int) -> int:
    """Return how often the process died since the point made progress."""
    if note is None:
        return 0
    earlier = note.get("deaths")
    has_made_progress = note.get("epoch") != epoch
    if has_made_progress or not isinstance(earlier, int):
        return 1
    return earlier + 1
