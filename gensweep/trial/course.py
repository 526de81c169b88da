"""One attempt at a course: a training, and the points that it finishes on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from gensweep.core.dataset import DatasetArrays
from gensweep.ledger.status import Status
from gensweep.system.signals import raise_if_stopped
from gensweep.train.artifacts import is_sample_epoch, render_samples
from gensweep.train.checkpoint import CheckpointError
from gensweep.train.loop import Training
from gensweep.trial.attempt import Attempt
from gensweep.trial.checkpoints import (
    Start,
    choose_starts,
    find_starts,
    warn_of_misfit,
)
from gensweep.trial.outcomes import record_failure_of
from gensweep.trial.own_networks import check_returns


class CourseAttempt:
    """One attempt at points that one training passes through.

    Every point has its own claim, files, tracker and record, as if it were trained alone. The
    checkpoint of an epoch is written once, in the folder of the point that ends last.

    Args:
        attempts: at the points, the shortest first.

    Attributes:
        attempts: those that go on.
        training: None before `start`.
    """

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.attempts = list(attempts)
        self.training: Training | None = None

    @property
    def epoch(self) -> int:
        """Return the number of epochs completed."""
        return self.training.epoch if self.training else 0

    @property
    def is_unfinished(self) -> bool:
        """Return whether some point needs another epoch."""
        return any(
            self.epoch < attempt.point.last_epoch for attempt in self.attempts
        )

    def start(
        self,
        prepared: DatasetArrays,
        device: torch.device,
        origins: Sequence[str],
        share_with: Training | None = None,
    ) -> list[CourseAttempt]:
        """Build the training, and load the checkpoint that is furthest, if one fits.

        Args:
            prepared: the dataset's arrays.
            device: where to train.
            origins: ids of other points of the course.
            share_with: another lane's training, on the same arrays.

        Returns:
            This attempt; and others, if a checkpoint is beyond the end of some of the points, which
            then need trainings of their own.
        """
        first = _build_training(
            self.attempts[-1], prepared, device, share_with
        )
        starts = find_starts(self.attempts, origins, first)
        courses = []
        for attempts, start in choose_starts(self.attempts, starts):
            course = self if not courses else CourseAttempt(attempts)
            course.attempts = attempts
            training = first
            if courses:
                training = _build_training(
                    attempts[-1], prepared, device, first
                )
            if start is not None and not _load(training, start, attempts):
                # A part of the checkpoint may have been loaded.
                training = _build_training(
                    attempts[-1], prepared, device, share_with
                )
            course._use(training)
            courses.append(course)
        for course in courses:
            course._write_last_sheets()
        return courses

    def _use(self, training: Training | None) -> None:
        self.training = training
        for attempt in self.attempts:
            attempt.training = training

    def _write_last_sheets(self) -> None:
        """Write the last samples of points that end where another training was left."""
        for attempt in self.attempts:
            if (
                self.training
                and attempt.folder
                and attempt.point.last_epoch == self.epoch
            ):
                attempt.write_sheet(
                    self.epoch, render_samples(self.training.make_samples())
                )

    def end_epoch(self) -> list[dict[str, Any]]:
        """Write the files of the last epoch, and return its reports, one for each point.

        The checkpoint is durable before anybody sees a report.
        """
        assert self.training is not None, "start comes first"
        sheet: bytes | None = None
        for attempt in self.attempts:
            with record_failure_of(attempt):
                if attempt.folder and is_sample_epoch(
                    self.epoch, attempt.point.last_epoch
                ):
                    if sheet is None:
                        sheet = render_samples(self.training.make_samples())
                    attempt.write_sheet(self.epoch, sheet)
        # The next one writes the checkpoint if the last point's folder refuses it.
        for attempt in reversed(self._list_active()):
            with record_failure_of(attempt):
                attempt.save_checkpoint()
                break
        reports = []
        for attempt in self._list_active():
            with record_failure_of(attempt):
                reports.append(attempt.log_epoch())
        return reports

    def _list_active(self) -> list[Attempt]:
        return [
            attempt for attempt in self.attempts if attempt.outcome is None
        ]

    @property
    def has_reached_a_point(self) -> bool:
        """Return whether some point ends with the last epoch."""
        return any(
            attempt.point.last_epoch <= self.epoch
            for attempt in self.attempts
        )

    def finish_next(self) -> None:
        """Give the first point that ends with the last epoch its outcome."""
        done = next(
            one for one in self.attempts if one.point.last_epoch <= self.epoch
        )
        seconds = round(done.seconds, 3)
        with record_failure_of(done):
            done.outcome = done.finish() | {"status": Status.OK}
        if done.outcome is None or done.outcome["status"] != Status.OK:
            return
        for attempt in self._list_active():
            attempt.origin = {
                "point": done.point.id,
                "epoch": self.epoch,
                "seconds": seconds,
            }

    def exclude(self, seconds: float) -> None:
        """Do not count time that served other points: trained alone, these would not wait."""
        for attempt in self.attempts:
            attempt.add_seconds(-seconds / attempt.sharing_lanes)

    def drop_ended(self) -> list[Attempt]:
        """Return the attempts that have an outcome, and go on with the others."""
        ended = [
            attempt
            for attempt in self.attempts
            if attempt.outcome is not None
        ]
        self.attempts = self._list_active()
        if not self.attempts:
            # Its tensors are views of the pack's: one reference would keep those of all lanes.
            self.training = None
        return ended


def _build_training(
    attempt: Attempt,
    prepared: DatasetArrays,
    device: torch.device,
    share_with: Training | None,
) -> Training:
    point = attempt.point
    model = point.model_config()
    training = Training(
        model,
        point.data_config(),
        point.seed,
        prepared,
        device,
        share_with=share_with,
    )
    if not type(model).__module__.startswith("gensweep."):
        check_returns(training.network, model)
    return training


def _load(
    training: Training, start: Start, attempts: Sequence[Attempt]
) -> bool:
    """Load a checkpoint into a training; return False if it does not fit."""
    try:
        seconds = float(start.state["seconds"])
        origin = start.origin
        training.load_state_dict(start.state["training"])
        for attempt in attempts:
            start.copy_sheets(attempt)
    except (
        CheckpointError,
        RuntimeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        # PyTorch turns the exception of a signal into one of these.
        raise_if_stopped()
        warn_of_misfit(attempts[0], start.point_id, error)
        return False
    for attempt in attempts:
        attempt.origin = origin
        attempt.earlier_code = start.state.get("code")
        attempt.add_seconds(seconds)
    return True
