"""One attempt at a point: its training, its clock, and the files that it writes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from gensweep.core.dataset import DatasetArrays
from gensweep.ledger.ledger import CHECKPOINT
from gensweep.sweep.code_fingerprint import compute_fingerprint, has_same_training_code
from gensweep.sweep.point import Point
from gensweep.system.signals import raise_if_stopped
from gensweep.tracking.tracker import Tracker
from gensweep.train import checkpoint
from gensweep.train.artifacts import is_sample_epoch, render_samples, write_artifacts
from gensweep.train.loop import Training
from gensweep.train.memory import get_peaks
from gensweep.trial.history import HISTORY, build_epoch_report, format_history
from gensweep.trial.point_folder import PointFolder

log = logging.getLogger(__name__)
Report = Callable[[dict[str, Any]], None]


class Attempt:
    """One attempt at a point; `start` continues where an earlier one stopped.

    Args:
        point: the point.
        folder: where its files go; None: nothing is written.
        tracker: receives each epoch.
        exit_stack: releases the claim and the tracker when the attempt ends.

    Attributes:
        training: the point's training; None before `start`.
        pack: how many lanes are trained together, and which is this one.
        outcome: how it ended, for the record; None while it goes on.
    """

    def __init__(
        self,
        point: Point,
        folder: PointFolder | None,
        tracker: Tracker,
        exit_stack: contextlib.ExitStack,
    ) -> None:
        self.point = point
        self.folder = folder
        self.tracker = tracker
        self.exit_stack = exit_stack
        self.training: Training | None = None
        self.pack = {"size": 1, "lane": 0}
        self.outcome: dict[str, Any] | None = None
        # The clock: seconds up to a moment, that moment, and how many lanes share the time since.
        self._spent_seconds = 0.0
        self._since = time.perf_counter()
        self._sharing_lanes = 1

    def start(
        self, prepared: DatasetArrays, device: torch.device, share_with: Training | None = None
    ) -> None:
        """Build the training, and load the last checkpoint if there is one that fits.

        Args:
            prepared: the dataset's arrays.
            device: where to train.
            share_with: another lane's training, on the same arrays.
        """
        self.training = self._build_training(prepared, device, share_with)
        try:
            self._load_checkpoint(self.training)
        except (
            checkpoint.CheckpointError,
            RuntimeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            # PyTorch turns the exception of a signal into one of these.
            raise_if_stopped()
            log.warning(
                "%s starts from the beginning; its checkpoint does not fit: %s",
                self.point.id,
                error,
            )
            # A part of the checkpoint may have been loaded.
            self.training = self._build_training(prepared, device, share_with)

    def _build_training(
        self, prepared: DatasetArrays, device: torch.device, share_with: Training | None
    ) -> Training:
        return Training(
            self.point.model_config(),
            self.point.data_config(),
            self.point.seed,
            prepared,
            device,
            share_with=share_with,
        )

    def _load_checkpoint(self, training: Training) -> None:
        """Load the last checkpoint, if there is one, and its clock."""
        if self.folder is None:
            return
        try:
            state = self.folder.load_checkpoint(training.device)
        except FileNotFoundError:
            return
        if not has_same_training_code(state.get("code"), self.code):
            raise checkpoint.CheckpointError("other code began this training")
        training.load_state_dict(state["training"])
        self._spent_seconds += state["seconds"]

    @property
    def code(self) -> dict[str, Any] | None:
        """Return the fingerprint of the code that trains.

        It is read once in a process, so edits during the training do not change it.
        """
        return compute_fingerprint(self.point.model, self.point.params["dataset"])

    def _require_training(self) -> Training:
        assert self.training is not None, "start comes first"
        return self.training

    @property
    def seconds(self) -> float:
        """Return the time spent so far, earlier attempts included.

        Of the time that a pack took, it is this lane's share.
        """
        elapsed = time.perf_counter() - self._since
        return self._spent_seconds + elapsed / self._sharing_lanes

    def share(self, lanes: int) -> None:
        """Divide the time from now on among so many lanes."""
        self._spent_seconds = self.seconds
        self._since = time.perf_counter()
        self._sharing_lanes = lanes

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

    def end_epoch(self) -> dict[str, Any]:
        """Write the files of the last epoch, and return its report.

        The checkpoint is durable before anybody sees the report.
        """
        training = self._require_training()
        if self.folder:
            if is_sample_epoch(training.epoch, training.model.epochs):
                samples = render_samples(training.make_samples())
                self.folder.write(f"samples/epoch-{training.epoch:04d}.png", samples)
            state = {"training": training.state_dict(), "seconds": self.seconds, "code": self.code}
            save = partial(checkpoint.save, point_id=self.point.id, state=state)
            self.folder.write(CHECKPOINT, save)
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
            save = partial(checkpoint.save_tensors, training.get_weights())
            self.folder.write("weights.pt", save)
        self.write_history()
        return {"metrics": metrics, "examples": training.counts, "warnings": training.warnings}

    def write_history(self) -> None:
        """Write history.csv: one line an epoch."""
        if self.folder and self.history:
            self.folder.write(HISTORY, format_history(self.history))
