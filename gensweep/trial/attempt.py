"""One attempt at a point: its training, its clock, and the files that it leaves."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import Unavailable
from gensweep.ledger.claims import Claim
from gensweep.ledger.ledger import CHECKPOINT, POINTS, Ledger
from gensweep.sweep.code_fingerprint import fingerprint, trains_alike
from gensweep.sweep.point import Point
from gensweep.system.signals import raise_if_stopped
from gensweep.system.storage import Content
from gensweep.tracking.tracker import Tracker
from gensweep.train import checkpoint
from gensweep.train.artifacts import is_sample_epoch, render_samples, write_artifacts
from gensweep.train.loop import Training
from gensweep.train.memory import get_peaks

log = logging.getLogger(__name__)
Report = Callable[[dict[str, Any]], None]
HISTORY = "history.csv"


@dataclass(frozen=True)
class PointFolder:
    """A claimed point's folder."""

    ledger: Ledger
    claim: Claim
    point_id: str

    @property
    def path(self) -> Path:
        """Where its files, or copies of them, lie on this machine."""
        return self.ledger.folder(self.point_id)

    def send(self, folder: str, gone: Sequence[str] = ()) -> None:
        """Keep what others wrote on this machine in a folder of the point; raises as `write`, and as `Store.upload`."""
        with self._keeping(folder), self.claim.lock_for_writing():
            self.ledger.store.upload(f"{POINTS}/{self.point_id}/{folder}", gone)

    def write(self, name: str, content: Content) -> None:
        """Write a file of the point.

        Raises:
            LostClaim: a later attempt owns the point.
            Unavailable: the results root refuses.
        """
        with self._keeping(name):
            self.ledger.write_file(self.claim, self.point_id, name, content)

    @contextlib.contextmanager
    def _keeping(self, name: str) -> Generator[None]:
        """Tell what the results root refuses from what goes wrong with the point."""
        try:
            yield
        except Unavailable:
            raise
        except OSError as error:
            raise Unavailable.of(
                error, self.ledger.store.uri(f"{POINTS}/{self.point_id}/{name}")
            ) from error

    def checkpoint(self, device: torch.device) -> dict[str, Any]:
        """The last checkpoint; raises as `gensweep.train.checkpoint.load`, and Unavailable as `write`."""
        try:
            return checkpoint.load(self.path / CHECKPOINT, self.point_id, device)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable.of(
                error, self.ledger.store.uri(f"{POINTS}/{self.point_id}/{CHECKPOINT}")
            ) from error


class Attempt:
    """An attempt that begins with `start`, where an earlier one stopped.

    Args:
        point: the point.
        folder: where its files go; None: nowhere.
        tracker: hears of each epoch.
        held: what is let go when the attempt ends: its claim, its tracker.

    Attributes:
        training: the point's training; None before `start`.
        pack: how many lanes are trained together, and which is this one.
        outcome: what the record will say of how it ended; None while it goes on.
    """

    def __init__(
        self, point: Point, folder: PointFolder | None, tracker: Tracker, held: contextlib.ExitStack
    ) -> None:
        self.point, self.folder, self.tracker, self.held = point, folder, tracker, held
        self.training: Training | None = None
        self.pack = {"size": 1, "lane": 0}
        self.outcome: dict[str, Any] | None = None
        self._spent, self._since, self._sharing = 0.0, time.perf_counter(), 1

    def start(
        self, prepared: DatasetArrays, device: torch.device, beside: Training | None = None
    ) -> None:
        """Build the training, and take up the last checkpoint, if there is one that fits.

        Args:
            prepared: the dataset's arrays.
            device: where to train.
            beside: another lane's training, on the same arrays.
        """
        self.training = self._new(prepared, device, beside)
        try:
            with contextlib.suppress(FileNotFoundError):
                if self.folder:
                    state = self.folder.checkpoint(device)
                    if not trains_alike(state.get("code"), self.code):
                        raise checkpoint.CheckpointError("other code began this training")
                    self.training.load_state_dict(state["training"])
                    self._spent += state["seconds"]
        except (
            checkpoint.CheckpointError,
            RuntimeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise_if_stopped()
            log.warning("%s starts anew; its checkpoint does not fit: %s", self.point.id, error)
            self.training = self._new(prepared, device, beside)

    def _new(
        self, prepared: DatasetArrays, device: torch.device, beside: Training | None
    ) -> Training:
        config, data = self.point.model_config(), self.point.data_config()
        return Training(config, data, self.point.seed, prepared, device, share_with=beside)

    @property
    def code(self) -> dict[str, Any] | None:
        """The code that trains; read once in a process, whatever is edited while it trains."""
        return fingerprint(self.point.model, self.point.params["dataset"])

    def _started(self) -> Training:
        assert self.training is not None, "start comes first"
        return self.training

    @property
    def seconds(self) -> float:
        """Time spent so far, earlier attempts included; of what a pack took, this lane's share."""
        return self._spent + (time.perf_counter() - self._since) / self._sharing

    def share(self, lanes: int) -> None:
        """From now on, time is that of so many lanes."""
        self._spent, self._since, self._sharing = self.seconds, time.perf_counter(), lanes

    @property
    def used(self) -> dict[str, Any]:
        """What a record's hardware says of the training on it: how it computed, and the most memory of the process."""
        return (self.training.compute_info if self.training else {}) | get_peaks()

    @property
    def epoch(self) -> int:
        """Epochs completed, earlier attempts included."""
        return self.training.epoch if self.training else 0

    @property
    def history(self) -> list[dict[str, float]]:
        """The lines of the epochs so far, earlier attempts included."""
        return self.training.history if self.training else []

    def end_epoch(self) -> dict[str, Any]:
        """Keep what the last epoch gave, with a durable checkpoint before anybody is told; returns the report of it."""
        training = self._started()
        if self.folder:
            if is_sample_epoch(training.epoch, training.model.epochs):
                self.folder.write(
                    f"samples/epoch-{training.epoch:04d}.png",
                    render_samples(training.make_samples()),
                )
            state = {"training": training.state_dict(), "seconds": self.seconds, "code": self.code}
            self.folder.write(
                CHECKPOINT, partial(checkpoint.save, point_id=self.point.id, state=state)
            )
        self.tracker.log(training.history)
        return build_epoch_report(self.point, training.history[-1])

    def finish(self) -> dict[str, Any]:
        """Touch the test set, and write what the point leaves behind but its record.

        Returns:
            What the record says of a training that is over: `metrics` of the test and of the last validation,
            `examples` and `warnings`.
        """
        training = self._started()
        last = training.history[-1] if training.history else {}
        validation = {name: value for name, value in last.items() if name.startswith("validation/")}
        metrics = training.test() | validation
        if self.folder:
            write_artifacts(training, self.folder.write)
            self.folder.write(
                "weights.pt", partial(checkpoint.save_tensors, training.get_weights())
            )
        self.write_history()
        return {"metrics": metrics, "examples": training.counts, "warnings": training.warnings}

    def write_history(self) -> None:
        """Write history.csv: one line an epoch."""
        if self.folder and self.history:
            columns = dict.fromkeys(name for line in self.history for name in line)
            table = io.StringIO()
            writer = csv.DictWriter(table, list(columns), lineterminator="\n")
            writer.writeheader()
            writer.writerows(line | {"epoch": int(line["epoch"])} for line in self.history)
            self.folder.write(HISTORY, table.getvalue())


def build_epoch_report(point: Point, line: dict[str, float]) -> dict[str, Any]:
    """Return the report of an epoch: its line of the history, whose it is, and how many there will be."""
    epoch = int(line["epoch"])
    return {"point": point.id, "epochs": point.params["epochs"], **line, "epoch": epoch}


def read_history(ledger: Ledger, point_id: str) -> list[dict[str, float]]:
    """Return the lines of a finished point's history.csv; none where it cannot be read."""
    try:
        text = ledger.store.read(f"{POINTS}/{point_id}/{HISTORY}").decode()
        lines = csv.DictReader(io.StringIO(text))
        return [{name: float(value) for name, value in line.items() if value} for line in lines]
    except (OSError, ValueError, TypeError) as error:
        log.warning("the epochs of %s cannot be told again: %s", point_id, error)
        return []
