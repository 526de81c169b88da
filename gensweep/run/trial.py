"""One trial: a pack's points from data to records."""

from __future__ import annotations

import contextlib
import csv
import gc
import io
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from gensweep.core import cache
from gensweep.core.arrays import Prepared
from gensweep.core.claims import Claim, Process
from gensweep.core.config import Data
from gensweep.core.environment import hardware, versions
from gensweep.core.errors import Claimed, LostClaim, UserError
from gensweep.core.ledger import CHECKPOINT, ERROR, Ledger
from gensweep.core.records import CLAIMED, DIVERGED, FAILED, OK, Record
from gensweep.core.storage import Content
from gensweep.points import Pack, Point
from gensweep.train import checkpoint
from gensweep.train.artifacts import answers, answers_csv, interpolations, is_shown, sheet, with_answers
from gensweep.train.loop import Diverged, Training

log = logging.getLogger(__name__)
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Context:
    """Where a trial runs, and for whom.

    Attributes:
        root: the results folder; None: nothing is written.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: PyTorch's threads.
        retry_failed: train a point whose record says that it failed.
        driver: the process that asked for the trial; when it dies, the trial stops.
    """

    root: Path | None = None
    device: str = "auto"
    threads: int = 1
    retry_failed: bool = False
    driver: Process = field(default_factory=Process.current)


def run_pack(pack: Pack, datasets: Mapping[str, Prepared] | None, context: Context, report: Report) -> None:
    """Train every point of a pack, and report an epoch and an outcome at a time.

    Reports hold `point`, and either `epoch`, `epochs` and the epoch's metrics, or `status` (`ok`,
    `diverged`, `failed`, `claimed`), `error` and the test metrics.

    Args:
        pack: what to train.
        datasets: prepared arrays by `Point.data_key`; what is not there is prepared here.
        context: where, and for whom.
        report: called with each report.
    """
    torch.set_num_threads(context.threads)
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
            _train(point, datasets, context, report, _Folder(ledger, claim, point.id))
        else:  # somebody was faster
            _report_end(record, report, {})


@dataclass(frozen=True)
class _Folder:
    """A claimed point's folder."""

    ledger: Ledger
    claim: Claim
    point_id: str

    def write(self, name: str, content: Content) -> None:
        self.ledger.write_file(self.claim, self.point_id, name, content)

    def checkpoint(self, device: torch.device) -> dict[str, Any]:
        """The last checkpoint; raises as `gensweep.train.checkpoint.load`."""
        return checkpoint.load(self.ledger.folder(self.point_id) / CHECKPOINT, self.point_id, device)


class _Run:
    """A point's training with its clock and its files."""

    def __init__(self, point: Point, prepared: Prepared, device: torch.device, folder: _Folder | None) -> None:
        self.point, self.device, self.folder = point, device, folder
        self._before, self._start = 0.0, time.perf_counter()
        self.training = self._new(prepared)
        try:
            self._resume()
        except (checkpoint.CheckpointError, RuntimeError, LookupError, TypeError, ValueError) as error:
            log.warning("%s starts anew; its checkpoint does not fit: %s", point.id, error)
            self._before, self.training = 0.0, self._new(prepared)

    def _new(self, prepared: Prepared) -> Training:
        return Training(self.point.model_config(), self.point.data_config(), self.point.seed, prepared, self.device)

    def _resume(self) -> None:
        """Take up the last checkpoint, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            if self.folder:
                state = self.folder.checkpoint(self.device)
                self._before = state["seconds"]
                self.training.load_state_dict(state["training"])

    @property
    def seconds(self) -> float:
        """Time spent so far, earlier attempts included."""
        return self._before + time.perf_counter() - self._start

    def epochs(self, report: Report) -> None:
        """Train what is left, with a durable checkpoint before each report."""
        training = self.training
        while training.epoch < training.model.epochs:
            line = training.run_epoch()
            if self.folder:
                if is_shown(training.epoch, training.model.epochs):
                    self.folder.write(f"samples/epoch-{training.epoch:04d}.png", sheet(training.samples()))
                state = {"training": training.state_dict(), "seconds": self.seconds}
                self.folder.write(CHECKPOINT, partial(checkpoint.save, point_id=self.point.id, state=state))
            report({"point": self.point.id, "epochs": training.model.epochs, **line, "epoch": training.epoch})

    def finish(self) -> dict[str, float]:
        """Touch the test set, and write what the point leaves behind but its record."""
        metrics = self.training.test()
        if self.folder:
            write_artifacts(self.training, self.folder.write)
            self.folder.write("weights.pt", partial(torch.save, self.training.network.state_dict()))
        return metrics

    def write_history(self) -> None:
        """Write history.csv: one line an epoch."""
        if self.folder and self.training.history:
            columns = dict.fromkeys(name for line in self.training.history for name in line)
            table = io.StringIO()
            writer = csv.DictWriter(table, list(columns), lineterminator="\n")
            writer.writeheader()
            writer.writerows(line | {"epoch": int(line["epoch"])} for line in self.training.history)
            self.folder.write("history.csv", table.getvalue())


def _train(
    point: Point, datasets: Mapping[str, Prepared], context: Context, report: Report, folder: _Folder | None
) -> None:
    """Train a point to its record; whatever goes wrong with it is its outcome, not ours."""
    run: _Run | None = None
    outcome: dict[str, Any]
    start = time.perf_counter()
    try:
        device = resolve_device(context.device)
        run = _Run(point, datasets.get(point.data_key) or _prepare(point.data_config()), device, folder)
        run.epochs(report)
        outcome = {"metrics": run.finish(), "status": OK}
        run.write_history()
    except (LostClaim, UserError):
        raise
    except Diverged as error:
        outcome = {"status": DIVERGED, "error": str(error)}
        if run:
            run.write_history()
    except Exception as error:
        outcome = {"status": FAILED, "error": _reason(error)}
        log.debug("%s failed", point.id, exc_info=True)
        if folder:
            _leave_traceback(folder)
    record = Record(
        id=point.id,
        model=point.model,
        params=point.params,
        seed=point.seed,
        seconds=round(run.seconds if run else time.perf_counter() - start, 3),
        epochs=run.training.epoch if run else 0,
        versions=versions(),
        hardware=hardware() | (_describe(run.device) if run else {"device": context.device}),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        **outcome,
    )
    if folder:
        record = _write(folder, record)
    _report_end(record, report, run.training.history[-1] if run and run.training.history else {})


def write_artifacts(training: Training, write: Callable[[str, Content], None]) -> None:
    """Write what people look at: samples.png, answers.csv of a model that answers, strips of one with a prior."""
    rows = answers(training)
    write("samples.png", sheet(with_answers(training.samples(), rows) if training.is_read else training.samples()))
    if rows:
        write("answers.csv", answers_csv(rows))
    for kind, picture in interpolations(training.network, training.seed).items():
        write(f"interpolation-{kind}.png", picture)


def _write(folder: _Folder, record: Record) -> Record:
    """Write the record; where even that fails (a full disk), the driver hears it all the same."""
    try:
        folder.ledger.finish(folder.claim, record)
        return record
    except OSError as error:
        reason = record.error or _reason(error)
        return Record(record.id, record.model, record.params, record.seed, FAILED, error=f"{reason}; no record written")


def _report_end(record: Record, report: Report, last_epoch: dict[str, float]) -> None:
    """The last epoch stands in the outcome too: a user's scheduler expects its metric in every report."""
    outcome = {"point": record.id, "status": record.status, "error": record.error, "seconds": record.seconds}
    report(last_epoch | {"epoch": record.epochs} | outcome | record.metrics)


def _leave_traceback(folder: _Folder) -> None:
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


def _describe(device: torch.device) -> dict[str, str]:
    """The device's type, and the name of a GPU."""
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {"device": device.type} | gpu
