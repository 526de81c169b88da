"""Deaths of this process in a user's code: how often a point may end it before it is failed.

`os._exit`, a crash in native code and a lack of memory leave no time for a record. If a worker
of Ray dies, its driver writes one. If the driver trains by itself, only the next start can.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from gensweep.core.errors import GensweepError, LostClaimError, StoreError
from gensweep.core.registries import MODELS
from gensweep.ledger.point_files import ATTEMPT, POINTS
from gensweep.sweep.point import Point
from gensweep.system.regular_files import NotRegularFileError
from gensweep.system.storage import format_json, parse_json
from gensweep.trial.attempt import Attempt
from gensweep.trial.course import CourseAttempt
from gensweep.trial.outcomes import record_failure_of
from gensweep.trial.point_folder import PointFolder

log = logging.getLogger(__name__)
MAX_DEATHS = 3
"""Deaths without progress, after which a point counts as failed; a trial of Ray starts as often."""
_MAX_BYTES = 10_000


class ProcessDiedError(GensweepError):
    """Every attempt at a point ended its process in the same epoch."""


def note_starts(attempts: Sequence[Attempt]) -> None:
    """Note that users' models are about to be built; one that ended this process too often fails.

    Args:
        attempts: the points that are trained together.
    """
    for attempt in attempts:
        if attempt.folder and not _is_built_in(attempt.point):
            with record_failure_of(attempt):
                # The callback comes first: a signal may come while the note is written.
                attempt.exit_stack.callback(forget_attempt, attempt.folder)
                note_start(attempt.folder, len(attempts))


def note_epochs(lanes: Sequence[CourseAttempt]) -> None:
    """Note the epoch that each attempt at a user's model goes on from."""
    size = sum(len(lane.attempts) for lane in lanes)
    for lane in lanes:
        for attempt in lane.attempts:
            is_watched = attempt.outcome is None and not _is_built_in(
                attempt.point
            )
            if attempt.folder and is_watched:
                with record_failure_of(attempt):
                    note_attempt(attempt.folder, lane.epoch, size)


def _is_built_in(point: Point) -> bool:
    return MODELS[point.model].__module__.startswith("gensweep.")


def note_start(folder: PointFolder, pack_size: int) -> None:
    """Note that a user's model is about to be built, which may end this process, too.

    `note_attempt` follows when its epoch is known.

    Args:
        folder: of the point.
        pack_size: the number of points that are trained together.

    Raises:
        ProcessDiedError: the process died `MAX_DEATHS` times before the model was built.
        LostClaimError: a later attempt owns the point.
        StoreError: the results root refuses.
    """
    note = _read_note(folder)
    if note is None:
        _write_note(folder, 0, 0, is_starting=True)
        return
    epoch = _get_count(note, "epoch")
    deaths = _get_count(note, "deaths") + 1
    if note.get("is_starting") is True and deaths >= MAX_DEATHS:
        forget_attempt(folder)
        raise ProcessDiedError(
            _explain(deaths, "before the first step", pack_size)
        )
    _write_note(folder, epoch, deaths, is_starting=True)


def note_attempt(folder: PointFolder, epoch: int, pack_size: int = 1) -> None:
    """Note that an attempt begins, for the next one if this process dies.

    Args:
        folder: of the point.
        epoch: the last epoch of its checkpoint; 0: there is none.
        pack_size: the number of points that are trained together.

    Raises:
        ProcessDiedError: the process died `MAX_DEATHS` times since the point made progress.
        LostClaimError: a later attempt owns the point.
        StoreError: the results root refuses.
    """
    deaths = _count_deaths(_read_note(folder), epoch)
    if deaths >= MAX_DEATHS:
        # A retry begins to count anew.
        forget_attempt(folder)
        moment = f"in epoch {epoch + 1} of this point"
        raise ProcessDiedError(_explain(deaths, moment, pack_size))
    if deaths:
        log.warning(
            "%s: this is attempt %d of %d: the process died in epoch %d",
            folder.point_id,
            deaths + 1,
            MAX_DEATHS,
            epoch + 1,
        )
    _write_note(folder, epoch, deaths)


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


def _write_note(
    folder: PointFolder, epoch: int, deaths: int, *, is_starting: bool = False
) -> None:
    note: dict[str, Any] = {"epoch": epoch, "deaths": deaths}
    if is_starting:
        note["is_starting"] = True
    folder.write(ATTEMPT, format_json(note).encode())


def _get_count(note: Mapping[str, Any], key: str) -> int:
    value = note.get(key)
    return value if isinstance(value, int) else 0


def _count_deaths(note: Mapping[str, Any] | None, epoch: int) -> int:
    """Return how often the process died since the point made progress."""
    if note is None:
        return 0
    deaths = _get_count(note, "deaths")
    is_counted = note.get("is_starting") is True
    if note.get("epoch") != epoch:
        return min(deaths, 1) if is_counted else 1
    return deaths if is_counted else deaths + 1


def _explain(deaths: int, moment: str, pack_size: int) -> str:
    """Return the message for a point that ended the process so often."""
    advice = "--retry-failed tries again"
    if pack_size > 1:
        advice = (
            f"{pack_size} points were trained together, and any of them may be the cause: "
            "--retry-failed --pack 1 tries each alone"
        )
    return (
        f"the process died {deaths} times {moment}, without an error of Python: by os._exit, by a "
        f"crash in native code, by a lack of memory, or somebody killed it; {advice}"
    )
