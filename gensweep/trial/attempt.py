"""One attempt at a point: its clock, and the files that it writes."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import Any

from gensweep.core.keep import CHECKPOINT_TOO, WEIGHTS_ALONE, keeps_weights
from gensweep.ledger.point_files import CHECKPOINT, WEIGHTS
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.sweep.point import Point
from gensweep.tracking.tracker import Tracker
from gensweep.train import checkpoint
from gensweep.train.artifacts import write_artifacts
from gensweep.train.loop import Training
from gensweep.train.memory import get_peaks
from gensweep.trial.history import HISTORY, format_history
from gensweep.trial.point_folder import PointFolder
from gensweep.trial.reports import build_epoch_report


class Attempt:
    """One attempt at a point, by a training that may also serve other points.

    Args:
        point: the point.
        folder: where its files go; None: nothing is written.
        tracker: receives each epoch.
        exit_stack: releases the claim and the tracker when the attempt ends.
        keep: which files stay when the point is done, as `gensweep.core.keep`.

    Attributes:
        training: the training that the point is a part of, or the progress of a task; None until
            it is built.
        origin: the epochs that were computed as another point's, for the record; None: none were.
        earlier_code: the fingerprint of the code that measured the epochs of an interrupted
            attempt, if this one goes on from it.
        pack: how many lanes are trained together, and which is this one.
        outcome: how it ended, for the record; None while it goes on.
        sharing_lanes: how many lanes share the time that passes now.
    """

    def __init__(
        self,
        point: Point,
        folder: PointFolder | None,
        tracker: Tracker,
        exit_stack: contextlib.ExitStack,
        keep: str = WEIGHTS_ALONE,
    ) -> None:
        self.point = point
        self.folder = folder
        self.tracker = tracker
        self.exit_stack = exit_stack
        self.keep = keep
        self.training: Any = None
        self.origin: dict[str, Any] | None = None
        self.earlier_code: dict[str, Any] | None = None
        self.pack = {"size": 1, "lane": 0}
        self.outcome: dict[str, Any] | None = None
        # The clock: seconds up to a moment, and that moment.
        self._spent_seconds = 0.0
        self._since = time.perf_counter()
        self.sharing_lanes = 1
        self._saved_epoch = -1

    @property
    def code(self) -> dict[str, Any] | None:
        """Return the fingerprint of the code that trains and has measured every epoch.

        It is read once in a process, so edits during the training do not change it. If metrics
        were edited after an interruption, it is that of the first epochs: `verify` and
        `--retrain-changed` then know that not all numbers are of today's code.
        """
        return self.earlier_code or compute_fingerprint(
            self.point.model, self.point.params["dataset"]
        )

    def _require_training(self) -> Training:
        assert self.training is not None, "the course builds it first"
        return self.training

    # --- the clock

    @property
    def seconds(self) -> float:
        """Return the time that the point has taken, or would have taken alone.

        That includes earlier attempts, and epochs that were computed as another point's. Of the
        time that a pack took, it is this lane's share.
        """
        elapsed = time.perf_counter() - self._since
        return self._spent_seconds + elapsed / self.sharing_lanes

    def share(self, lanes: int) -> None:
        """Divide the time from now on among so many lanes."""
        self._spent_seconds = self.seconds
        self._since = time.perf_counter()
        self.sharing_lanes = lanes

    def add_seconds(self, seconds: float) -> None:
        """Count time that was spent before; or do not count, if negative, what served others."""
        self._spent_seconds += seconds

    # --- what the record says

    @property
    def hardware_use(self) -> dict[str, Any]:
        """Return how the training computed, and the most memory of the process."""
        info = self.training.compute_info if self.training else {}
        return info | get_peaks()

    @property
    def epoch(self) -> int:
        """Return the number of epochs completed, earlier attempts included."""
        return self.training.epoch if self.training else 0

    @property
    def history(self) -> list[dict[str, float]]:
        """Return the lines of the epochs so far, earlier attempts included."""
        return self.training.history if self.training else []

    # --- files

    def write_sheet(self, epoch: int, sheet: bytes) -> None:
        """Write the samples of an epoch."""
        if self.folder:
            self.folder.write(name_sheet(epoch), sheet)

    def save_checkpoint(self) -> None:
        """Write the state of the training, unless this epoch's is already written."""
        training = self._require_training()
        if self.folder is None or self._saved_epoch == training.epoch:
            return
        state = {
            "training": training.state_dict(),
            "seconds": self.seconds,
            "code": self.code,
            "origin": self.origin,
            "hardware": describe_arithmetic(training),
        }
        save = partial(checkpoint.save, point_id=self.point.id, state=state)
        self.folder.write(CHECKPOINT, save)
        self._saved_epoch = training.epoch

    def log_epoch(self) -> dict[str, Any]:
        """Log the last epoch, and return its report."""
        training = self._require_training()
        self.tracker.log(training.history)
        return build_epoch_report(self.point, training.history[-1])

    def finish(self) -> dict[str, Any]:
        """Compute the test metrics, and write the point's files except its record.

        Returns:
            What the record says of a training that is over: `metrics` of the test and of the last
            validation, `examples` and `warnings`.
        """
        training = self._require_training()
        metrics = training.test()
        for line in training.history[-1:]:
            for name, value in line.items():
                if name.startswith("validation/"):
                    metrics[name] = value
        if self.folder:
            write_artifacts(training, self.folder.write)
            if keeps_weights(self.keep):
                save = partial(
                    checkpoint.save_tensors, training.get_weights()
                )
                self.folder.write(WEIGHTS, save)
        if self.keep == CHECKPOINT_TOO:
            self.save_checkpoint()
        self.write_history()
        return {
            "metrics": metrics,
            "examples": training.counts,
            "warnings": training.warnings,
        }

    def write_history(self) -> None:
        """Write history.csv: one line per epoch."""
        if self.folder and self.history:
            self.folder.write(HISTORY, format_history(self.history))


def name_sheet(epoch: int) -> str:
    """Return the name of an epoch's samples in a point's folder."""
    return f"samples/epoch-{epoch:04d}.png"


def describe_arithmetic(training: Training) -> dict[str, str]:
    """Return what decides how a training's numbers are rounded: device, precision and kernels."""
    return {"device": training.device.type} | training.compute_info
