"""How a point's attempt ends: what went wrong, in a line; its record; and what the driver is told."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gensweep.core.errors import LostClaim, Unavailable, UserError
from gensweep.ledger.ledger import ERROR
from gensweep.ledger.records import CLAIMED, DIVERGED, FAILED, STORE_UNAVAILABLE, Record
from gensweep.sweep.point import Point
from gensweep.system.environment import hardware, versions
from gensweep.system.signals import raise_if_stopped
from gensweep.train.evaluation import Diverged
from gensweep.trial.attempt import Attempt, PointFolder, Report
from gensweep.trial.device import describe_device

log = logging.getLogger(__name__)


@contextlib.contextmanager
def record_failure_of(*attempts: Attempt) -> Generator[None]:
    """What goes wrong within is how these attempts end, unless the user is to mend it.

    Raises:
        Stopped: a signal came. Whatever else was raised then is what a library made of it, and no fault of a point's.
    """
    try:
        yield
        raise_if_stopped()
    except UserError:
        raise
    except Exception as error:
        raise_if_stopped()
        for attempt in attempts:
            if attempt.outcome is None:
                attempt.outcome = _ended_by(error, attempt)


def _ended_by(error: Exception, attempt: Attempt) -> dict[str, Any]:
    if isinstance(error, LostClaim):
        return {"status": CLAIMED, "error": str(error)}
    if isinstance(
        error, Unavailable
    ):  # no fault of the point's, which goes on from its last checkpoint
        return {"status": STORE_UNAVAILABLE, "error": error}
    if isinstance(error, Diverged):
        return {"status": DIVERGED, "error": str(error)}
    log.debug("%s failed", attempt.point.id, exc_info=error)
    if attempt.folder:
        _leave_traceback(attempt.folder, error)
    crowded = isinstance(error, torch.OutOfMemoryError) and attempt.pack["size"] > 1
    hint = "; fewer lanes need less: --pack" if crowded else ""
    return {"status": FAILED, "error": _reason(error) + hint}


def end(attempt: Attempt, outcome: dict[str, Any], device: torch.device, report: Report) -> None:
    """Record how a lane ended, let go of its point, and report."""
    point = attempt.point
    try:
        with attempt.held:
            if outcome["status"] == CLAIMED:
                raise LostClaim(outcome["error"])
            if outcome["status"] == STORE_UNAVAILABLE:
                raise outcome["error"]
            if outcome["status"] == DIVERGED:
                attempt.write_history()
            record = Record(
                id=point.id,
                model=point.model,
                params=point.params,
                seed=point.seed,
                seconds=round(attempt.seconds, 3),
                epochs=attempt.epoch,
                versions=versions(),
                hardware=hardware() | describe_device(device) | attempt.used,
                pack=attempt.pack,
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
                code=attempt.code,
                **outcome,
            )
            attempt.tracker.close(record, attempt.history)
            raise_if_stopped()
            if attempt.folder:
                attempt.folder.ledger.finish(attempt.folder.claim, record)
    except (LostClaim, OSError) as error:
        report(describe_unrecorded(point, error))
        return
    trouble = {"warning": f"W&B: {attempt.tracker.trouble}"} if attempt.tracker.trouble else {}
    report_end(record, report, (attempt.history[-1] if attempt.history else {}) | trouble)


def describe_unrecorded(point: Point, error: Exception) -> dict[str, Any]:
    """The outcome of a point whose record is another's to write, or could not be written."""
    if isinstance(error, OSError):
        refusal = error if isinstance(error, Unavailable) else Unavailable.of(error, point.id)
        told = {"unavailable": str(refusal), "full": refusal.is_full}
        return {
            "point": point.id,
            "status": FAILED,
            "error": f"{refusal}; no record written",
            **told,
        }
    return {"point": point.id, "status": CLAIMED, "error": str(error)}


def report_end(record: Record, report: Report, last_epoch: dict[str, Any]) -> None:
    """Report a record; with the last epoch, since a user's scheduler expects its metric in every report."""
    outcome = {
        "point": record.id,
        "status": record.status,
        "error": record.error,
        "seconds": record.seconds,
    }
    odd = {"warnings": record.warnings} if record.warnings else {}
    report(last_epoch | {"epoch": record.epochs} | outcome | record.metrics | odd)


def _leave_traceback(folder: PointFolder, error: Exception) -> None:
    try:
        folder.write(ERROR, "".join(traceback.format_exception(error)))
    except (OSError, LostClaim) as trouble:
        log.warning("cannot write the traceback of %s: %s", folder.point_id, trouble)


def _reason(error: BaseException) -> str:
    """An exception as one line: its type, what it says, and where in this project it came from."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "gensweep" in frame.filename
    ]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}{place}"
