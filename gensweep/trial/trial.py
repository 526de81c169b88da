"""One trial: a pack's points from data to records."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import torch

from gensweep.core.config import Data
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import Claimed
from gensweep.ledger import claims
from gensweep.ledger.claims import Claim, Process
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import FAILED, OK, Record
from gensweep.ledger.stores import Store
from gensweep.prepare import array_cache
from gensweep.sweep.code_fingerprint import SAME, compare, fingerprint
from gensweep.sweep.point import Pack, Point
from gensweep.system import processes
from gensweep.system.environment import versions
from gensweep.tracking.tracker import WANDB_FOLDER, Tracker, Tracking
from gensweep.train.lanes import Lanes
from gensweep.train.memory import configure_malloc, reset_peaks
from gensweep.trial.attempt import Attempt, PointFolder, Report, build_epoch_report, read_history
from gensweep.trial.device import count_fitting_lanes, resolve_device
from gensweep.trial.outcomes import describe_unrecorded, end, record_failure_of, report_end


@dataclass(frozen=True)
class Context:
    """Where a trial runs, and for whom.

    Attributes:
        root: the results root; None: nothing is written.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: PyTorch's threads.
        gpus: GPUs, or the share of one, that the trial has.
        limit_lanes_to_memory: train as many lanes of a pack together as fit on the device, instead of all.
        retry_failed: train a point whose record says that it failed.
        retrain_changed: train a point whose record is not known to be of today's code.
        driver: the process that asked for the trial; when it dies, the trial stops.
        tracking: who is told beside the ledger.
        repeats_history: report the epochs of earlier attempts again, before any new one. Whoever counts reports, as the
            schedulers of Tune do, then counts epochs.
    """

    root: str | Path | None = None
    device: str = "auto"
    threads: int = 1
    gpus: float = 1.0
    limit_lanes_to_memory: bool = False
    retry_failed: bool = False
    retrain_changed: bool = False
    driver: Process = field(default_factory=Process.current)
    tracking: Tracking = field(default_factory=Tracking)
    repeats_history: bool = False

    def replaces(self, record: Record) -> bool:
        """Whether a point with this record is to be trained again."""
        if self.retry_failed and record.status == FAILED:
            return True
        if not self.retrain_changed:
            return False
        return compare(record.code, record.model, record.params["dataset"]) != SAME


def run_pack(
    pack: Pack, datasets: Mapping[str, DatasetArrays] | None, context: Context, report: Report
) -> None:
    """Train every point of a pack, and report an epoch and an outcome at a time.

    Reports hold `point`, and either `epoch`, `epochs` and the epoch's metrics, or `status` (`ok`,
    `diverged`, `failed`, `claimed`), `error`, the metrics, and where there are any a `warning` of the trial's and a
    list of the point's `warnings`; `unavailable` where the results root did not answer.
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
    configure_malloc()
    versions()  # remembered: the commit of the code that was imported, whatever is edited while it trains
    for point in pack.points:
        fingerprint(point.model, point.params["dataset"])  # remembered for the same reason
    device = resolve_device(context.device)
    left = list(pack.points)
    while left:
        reset_peaks()
        size = (
            count_fitting_lanes(left[0], device, context.gpus)
            if context.limit_lanes_to_memory
            else len(left)
        )
        _run_lanes(left[:size], datasets or {}, device, context, report)
        left = left[size:]
        gc.collect()  # a reused worker starts its next trial with what this one leaves


def _run_lanes(
    points: list[Point],
    datasets: Mapping[str, DatasetArrays],
    device: torch.device,
    context: Context,
    report: Report,
) -> None:
    """Train together what is free of these points."""
    with contextlib.ExitStack() as held:
        attempts = [begun for point in points if (begun := _begin(point, context, report, held))]
        _train(attempts, datasets, device, report, context.repeats_history)


def _begin(
    point: Point, context: Context, report: Report, stack: contextlib.ExitStack
) -> Attempt | None:
    """Claim a point and open what tells of it; None where there is nothing to do, which is reported."""
    folder = None
    held = stack.enter_context(
        contextlib.ExitStack()
    )  # left to the attempt; closed here when something stops us
    try:
        if context.root is not None:
            ledger = Ledger(_store(context.root))
            held.callback(ledger.store.discard, f"{POINTS}/{point.id}")
            claim = _claim(ledger, point, context, held)
            record = ledger.read({point.id: point.wanted}).records.get(point.id)
            if record is not None and not context.replaces(record):  # somebody was faster
                lines = read_history(ledger, point.id) if context.repeats_history else []
                held.close()
                for line in lines:
                    report(build_epoch_report(point, line))
                report_end(record, report, lines[-1] if lines else {})
                return None
            folder = PointFolder(ledger, claim, point.id)
            ledger.store.download(f"{POINTS}/{point.id}")
    except (Claimed, OSError) as error:
        held.close()
        report(describe_unrecorded(point, error))
        return None
    kept = (folder.path, partial(folder.send, WANDB_FOLDER)) if folder else ()
    tracker = held.enter_context(Tracker(point, context.tracking, *kept))
    return Attempt(point, folder, tracker, held)


def _claim(ledger: Ledger, point: Point, context: Context, held: contextlib.ExitStack) -> Claim:
    """Claim a point for as long as the stack holds it.

    A trial of a user's own Tuner has no driver that knows its earlier attempts. One that Tune paused on another host
    may have ended without letting go of its claim, so such a trial waits until that claim would have expired.

    Raises:
        Claimed: somebody else trains the point.
    """
    end = time.monotonic() + processes.EXPIRES + claims.HEARTBEAT_SECONDS
    while True:
        try:
            return held.enter_context(ledger.claim(point.id, context.driver))
        except Claimed:
            holder = claims.read_holder(ledger.store, f"{POINTS}/{point.id}")
            is_elsewhere = holder is None or not holder.worker.is_local()
            if not context.repeats_history or not is_elsewhere or time.monotonic() > end:
                raise
        time.sleep(ledger.store.poll_seconds)


def _train(
    attempts: list[Attempt],
    datasets: Mapping[str, DatasetArrays],
    device: torch.device,
    report: Report,
    repeats_history: bool,
) -> None:
    """Train lanes to their records; whatever goes wrong with one is its outcome, not ours and not the others'."""
    for lane, attempt in enumerate(attempts):
        attempt.pack = {"size": len(attempts), "lane": lane}
        attempt.share(len(attempts))
    for lane, attempt in enumerate(attempts):
        with record_failure_of(attempt):
            data = datasets.get(attempt.point.data_key) or _prepare(attempt.point.data_config())
            attempt.start(data, device, attempts[0].training if lane else None)
    if repeats_history:
        for attempt in attempts:
            for line in attempt.history:
                report(build_epoch_report(attempt.point, line))
    lanes = Lanes()
    attempts = _going(attempts, device, report)
    while behind := _behind(attempts):
        _run_epoch(lanes, behind, report)
        attempts = _going(attempts, device, report)
    while attempts:
        with record_failure_of(attempts[0]):
            attempts[0].outcome = attempts[0].finish() | {"status": OK}
        attempts = _going(attempts, device, report)


def _going(attempts: list[Attempt], device: torch.device, report: Report) -> list[Attempt]:
    """Record those that have ended, at once; the others go on."""
    going = [attempt for attempt in attempts if attempt.outcome is None]
    for attempt in attempts:
        if attempt.outcome is not None:
            end(attempt, attempt.outcome, device, report)
            attempt.training = (
                None  # its tensors lie among those of others, and would hold them all
            )
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
    with record_failure_of(*attempts):  # what goes wrong with the step goes wrong with all of them
        ends = lanes.run_epoch([attempt.training for attempt in attempts if attempt.training])
        told = []
        for attempt, result in zip(attempts, ends, strict=True):
            with record_failure_of(attempt):
                if isinstance(result, Exception):
                    raise result
                told.append(attempt.end_epoch())
        if told:
            report(told[0] if len(told) == 1 else {"lanes": told})


def _store(root: str | Path) -> Store:
    """The results root; a connection to one elsewhere is kept for the next trial of this worker."""
    return _connected(str(root)) if "://" in str(root) else open_store(root)


@lru_cache(maxsize=1)
def _connected(root: str) -> Store:
    return open_store(root, persistent=False)


@lru_cache(maxsize=2)
def _prepare(data: Data) -> DatasetArrays:
    """Arrays of a dataset that nobody handed in; kept for the next trial of this worker."""
    return array_cache.prepared(data)
