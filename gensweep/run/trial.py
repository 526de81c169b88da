"""One trial: a pack's points from data to records."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Mapping
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
from gensweep.run.tracking import Tracker, Tracking
from gensweep.train.loop import Diverged
from gensweep.train.memory import keep_memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """Where a trial runs, and for whom.

    Attributes:
        root: the results folder; None: nothing is written.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: PyTorch's threads.
        retry_failed: train a point whose record says that it failed.
        driver: the process that asked for the trial; when it dies, the trial stops.
        tracking: who is told beside the ledger.
    """

    root: Path | None = None
    device: str = "auto"
    threads: int = 1
    retry_failed: bool = False
    driver: Process = field(default_factory=Process.current)
    tracking: Tracking = field(default_factory=Tracking)


def run_pack(pack: Pack, datasets: Mapping[str, Prepared] | None, context: Context, report: Report) -> None:
    """Train every point of a pack, and report an epoch and an outcome at a time.

    Reports hold `point`, and either `epoch`, `epochs` and the epoch's metrics, or `status` (`ok`,
    `diverged`, `failed`, `claimed`), `error`, the test metrics, and a `warning` where there is one.

    Args:
        pack: what to train.
        datasets: prepared arrays by `Point.data_key`; what is not there is prepared here.
        context: where, and for whom.
        report: called with each report.
    """
    torch.set_num_threads(context.threads)
    keep_memory()
    versions()  # kept: the commit of the code that was imported, whatever is edited while it trains
    for point in pack.points:
        try:
            _run_point(point, datasets or {}, context, report)
        except (Claimed, LostClaim) as error:
            report({"point": point.id, "status": CLAIMED, "error": str(error)})
        except OSError as error:  # not even a claim or a record could be written
            report({"point": point.id, "status": FAILED, "error": f"{_reason(error)}; no record written"})
        gc.collect()  # a reused worker starts its next trial with what this one leaves


def _run_point(point: Point, datasets: Mapping[str, Prepared], context: Context, report: Report) -> None:
    if context.root is None:
        _train(point, datasets, context, report, None)
        return
    ledger = Ledger(context.root)
    with ledger.claim(point.id, context.driver) as claim:
        record = ledger.read({point.id: point.params}).records.get(point.id)
        if record is None or (record.status == FAILED and context.retry_failed):
            _train(point, datasets, context, report, Folder(ledger, claim, point.id))
        else:  # somebody was faster
            _report_end(record, report, {})


def _train(
    point: Point, datasets: Mapping[str, Prepared], context: Context, report: Report, folder: Folder | None
) -> None:
    """Train a point to its record; whatever goes wrong with it is its outcome, not ours."""
    with Tracker(point, folder.path if folder else None, context.tracking) as tracker:
        attempt = Attempt(point, folder, tracker)
        outcome = _outcome(attempt, datasets, context, report)
        record = Record(
            id=point.id,
            model=point.model,
            params=point.params,
            seed=point.seed,
            seconds=round(attempt.seconds, 3),
            epochs=attempt.training.epoch if attempt.training else 0,
            versions=versions(),
            hardware=hardware() | _describe(attempt.training.device if attempt.training else context.device),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            **outcome,
        )
        tracker.close(record, attempt.history)
    if folder:
        record = _write(folder, record)
    trouble = {"warning": f"W&B: {tracker.trouble}"} if tracker.trouble else {}
    _report_end(record, report, (attempt.history[-1] if attempt.history else {}) | trouble)


def _outcome(attempt: Attempt, datasets: Mapping[str, Prepared], context: Context, report: Report) -> dict[str, Any]:
    """Train and test; the status, and the metrics or what went wrong."""
    point = attempt.point
    try:
        device = resolve_device(context.device)
        training = attempt.start(datasets.get(point.data_key) or _prepare(point.data_config()), device)
        attempt.epochs(training, report)
        metrics = attempt.finish(training)
        attempt.write_history()
        return {"metrics": metrics, "status": OK}
    except (LostClaim, UserError):
        raise
    except Diverged as error:
        attempt.write_history()
        return {"status": DIVERGED, "error": str(error)}
    except Exception as error:
        log.debug("%s failed", point.id, exc_info=True)
        if attempt.folder:
            _leave_traceback(attempt.folder)
        return {"status": FAILED, "error": _reason(error)}


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


def _leave_traceback(folder: Folder) -> None:
    try:
        folder.write(ERROR, traceback.format_exc())
    except OSError as error:
        log.warning("cannot write the traceback of %s: %s", folder.point_id, error)


def _reason(error: BaseException) -> str:
    """An exception as one line: its type, what it says, and where in this project it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "gensweep" in frame.filename]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}{place}"


@lru_cache(maxsize=2)
def _prepare(data: Data) -> Prepared:
    """Arrays of a dataset that nobody handed in; kept for the next trial of this worker."""
    return cache.prepared(data)


def resolve_device(name: str) -> torch.device:
    """The device asked for; `auto` is the best there is.

    Raises:
        UserError: there is no such device here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, here in there.items() if here))
    if not there.get(name, False):
        raise UserError(f"--device {name}: not on this machine; there is {', '.join(k for k, h in there.items() if h)}")
    return torch.device(name)


def _describe(device: torch.device | str) -> dict[str, str]:
    """The device's type, and the name of a GPU; the mere name of a device that was not to be had."""
    if isinstance(device, str):
        return {"device": device}
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {"device": device.type} | gpu
