"""One trial: a pack's points from data to records."""

from __future__ import annotations

import contextlib
import gc
import logging
import traceback
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from gensweep.core import cache
from gensweep.core.arrays import Prepared
from gensweep.core.claims import Process
from gensweep.core.config import Data
from gensweep.core.environment import hardware, versions
from gensweep.core.errors import Claimed, LostClaim, UserError
from gensweep.core.ledger import ERROR, Ledger
from gensweep.core.records import CLAIMED, DIVERGED, FAILED, OK, Record
from gensweep.points import Pack, Point
from gensweep.run.attempt import Attempt, Folder, Report
from gensweep.run.devices import describe, lanes_that_fit, resolve_device
from gensweep.run.tracking import Tracker, Tracking
from gensweep.train.lanes import Lanes
from gensweep.train.loop import Diverged
from gensweep.train.memory import forget_peaks, keep_memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """Where a trial runs, and for whom.

    Attributes:
        root: the results folder; None: nothing is written.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: PyTorch's threads.
        gpus: GPUs, or the share of one, that the trial has.
        fits: train as many lanes of a pack together as fit on the device, instead of all.
        retry_failed: train a point whose record says that it failed.
        driver: the process that asked for the trial; when it dies, the trial stops.
        tracking: who is told beside the ledger.
    """

    root: Path | None = None
    device: str = "auto"
    threads: int = 1
    gpus: float = 1.0
    fits: bool = False
    retry_failed: bool = False
    driver: Process = field(default_factory=Process.current)
    tracking: Tracking = field(default_factory=Tracking)


def run_pack(pack: Pack, datasets: Mapping[str, Prepared] | None, context: Context, report: Report) -> None:
    """Train every point of a pack, and report an epoch and an outcome at a time.

    Reports hold `point`, and either `epoch`, `epochs` and the epoch's metrics, or `status` (`ok`,
    `diverged`, `failed`, `claimed`), `error`, the test metrics, and a `warning` where there is one.
    An epoch of several lanes is one report: `lanes`, a list of theirs.

    Args:
        pack: what to train.
        datasets: prepared arrays by `Point.data_key`; what is not there is prepared here.
        context: where, and for whom.
        report: called with each report.

    Raises:
        UserError: there is no such device, or no such data.
    """
    torch.set_num_threads(context.threads)
    keep_memory()
    versions()  # kept: the commit of the code that was imported, whatever is edited while it trains
    device = resolve_device(context.device)
    left = list(pack.points)
    while left:
        forget_peaks()
        size = lanes_that_fit(left[0], device, context.gpus) if context.fits else len(left)
        _run_lanes(left[:size], datasets or {}, device, context, report)
        left = left[size:]
        gc.collect()  # a reused worker starts its next trial with what this one leaves


def _run_lanes(
    points: list[Point], datasets: Mapping[str, Prepared], device: torch.device, context: Context, report: Report
) -> None:
    """Train together what is free of these points."""
    with contextlib.ExitStack() as held:
        attempts = [begun for point in points if (begun := _begin(point, context, report, held))]
        _train(attempts, datasets, device, report)


def _begin(point: Point, context: Context, report: Report, stack: contextlib.ExitStack) -> Attempt | None:
    """Claim a point and open what tells of it; None where there is nothing to do, which is reported."""
    folder = None
    held = stack.enter_context(contextlib.ExitStack())  # left to the attempt; closed here when something stops us
    try:
        if context.root is not None:
            ledger = Ledger(context.root)
            claim = held.enter_context(ledger.claim(point.id, context.driver))
            record = ledger.read({point.id: point.params}).records.get(point.id)
            if record is not None and not (record.status == FAILED and context.retry_failed):  # somebody was faster
                held.close()
                _report_end(record, report, {})
                return None
            folder = Folder(ledger, claim, point.id)
    except (Claimed, OSError) as error:
        held.close()
        report(_unrecorded(point, error))
        return None
    tracker = held.enter_context(Tracker(point, folder.path if folder else None, context.tracking))
    return Attempt(point, folder, tracker, held)


def _train(attempts: list[Attempt], datasets: Mapping[str, Prepared], device: torch.device, report: Report) -> None:
    """Train lanes to their records; whatever goes wrong with one is its outcome, not ours and not the others'."""
    for lane, attempt in enumerate(attempts):
        attempt.pack = {"size": len(attempts), "lane": lane}
        attempt.share(len(attempts))
    for lane, attempt in enumerate(attempts):
        with _outcome_of(attempt):
            data = datasets.get(attempt.point.data_key) or _prepare(attempt.point.data_config())
            attempt.start(data, device, attempts[0].training if lane else None)
    lanes = Lanes()
    attempts = _going(attempts, device, report)
    while behind := _behind(attempts):
        _run_epoch(lanes, behind, report)
        attempts = _going(attempts, device, report)
    while attempts:
        with _outcome_of(attempts[0]):
            attempts[0].outcome = {"metrics": attempts[0].finish(), "status": OK}
        attempts = _going(attempts, device, report)


def _going(attempts: list[Attempt], device: torch.device, report: Report) -> list[Attempt]:
    """Record those that have ended, at once; the others go on."""
    going = [attempt for attempt in attempts if attempt.outcome is None]
    for attempt in attempts:
        if attempt.outcome is not None:
            _end(attempt, attempt.outcome, device, report)
            attempt.training = None  # its tensors lie among those of others, and would hold them all
    for attempt in going:
        attempt.share(len(going))
    return going


def _behind(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The lanes to train next: those with the fewest epochs, for a kill may come between two checkpoints."""
    going = [attempt for attempt in attempts if attempt.epoch < attempt.point.params["epochs"]]
    least = min((attempt.epoch for attempt in going), default=0)
    return [attempt for attempt in going if attempt.epoch == least]


def _run_epoch(lanes: Lanes, attempts: list[Attempt], report: Report) -> None:
    """An epoch of some lanes, in one report."""
    with _outcome_of(*attempts):  # what goes wrong with the step goes wrong with all of them
        ends = lanes.run_epoch([attempt.training for attempt in attempts if attempt.training])
        told = []
        for attempt, end in zip(attempts, ends, strict=True):
            with _outcome_of(attempt):
                if isinstance(end, Exception):
                    raise end
                told.append(attempt.end_epoch())
        if told:
            report(told[0] if len(told) == 1 else {"lanes": told})


@contextlib.contextmanager
def _outcome_of(*attempts: Attempt) -> Generator[None]:
    """What goes wrong within is how these attempts end, unless the user is to mend it."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        for attempt in attempts:
            if attempt.outcome is None:
                attempt.outcome = _ended_by(error, attempt)


def _ended_by(error: Exception, attempt: Attempt) -> dict[str, Any]:
    if isinstance(error, LostClaim):
        return {"status": CLAIMED, "error": str(error)}
    if isinstance(error, Diverged):
        return {"status": DIVERGED, "error": str(error)}
    log.debug("%s failed", attempt.point.id, exc_info=error)
    if attempt.folder:
        _leave_traceback(attempt.folder, error)
    crowded = isinstance(error, torch.OutOfMemoryError) and attempt.pack["size"] > 1
    hint = "; fewer lanes need less: --pack" if crowded else ""
    return {"status": FAILED, "error": _reason(error) + hint}


def _end(attempt: Attempt, outcome: dict[str, Any], device: torch.device, report: Report) -> None:
    """Record how a lane ended, let go of its point, and report."""
    point = attempt.point
    try:
        with attempt.held:
            if outcome["status"] == CLAIMED:
                raise LostClaim(outcome["error"])
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
                hardware=hardware() | describe(device) | attempt.used,
                pack=attempt.pack,
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
                **outcome,
            )
            attempt.tracker.close(record, attempt.history)
            if attempt.folder:
                record = _write(attempt.folder, record)
    except (LostClaim, OSError) as error:
        report(_unrecorded(point, error))
        return
    trouble = {"warning": f"W&B: {attempt.tracker.trouble}"} if attempt.tracker.trouble else {}
    _report_end(record, report, (attempt.history[-1] if attempt.history else {}) | trouble)


def _unrecorded(point: Point, error: Exception) -> dict[str, Any]:
    """The outcome of a point whose record is another's to write, or could not be written."""
    if isinstance(error, OSError):
        return {"point": point.id, "status": FAILED, "error": f"{_reason(error)}; no record written"}
    return {"point": point.id, "status": CLAIMED, "error": str(error)}


def _write(folder: Folder, record: Record) -> Record:
    """Write the record; where even that fails (a full disk), the driver hears it all the same."""
    try:
        folder.ledger.finish(folder.claim, record)
        return record
    except OSError as error:
        reason = record.error or _reason(error)
        return Record(record.id, record.model, record.params, record.seed, FAILED, error=f"{reason}; no record written")


def _report_end(record: Record, report: Report, last_epoch: dict[str, Any]) -> None:
    """The last epoch stands in the outcome too: a user's scheduler expects its metric in every report."""
    outcome = {"point": record.id, "status": record.status, "error": record.error, "seconds": record.seconds}
    report(last_epoch | {"epoch": record.epochs} | outcome | record.metrics)


def _leave_traceback(folder: Folder, error: Exception) -> None:
    try:
        folder.write(ERROR, "".join(traceback.format_exception(error)))
    except (OSError, LostClaim) as trouble:
        log.warning("cannot write the traceback of %s: %s", folder.point_id, trouble)


def _reason(error: BaseException) -> str:
    """An exception as one line: its type, what it says, and where in this project it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "gensweep" in frame.filename]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}{place}"


@lru_cache(maxsize=2)
def _prepare(data: Data) -> Prepared:
    """Arrays of a dataset that nobody handed in; kept for the next trial of this worker."""
    return cache.prepared(data)
