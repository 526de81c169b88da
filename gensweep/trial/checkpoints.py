"""Checkpoints that a training may go on from: of its own points, and of other points."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gensweep.sweep.code_fingerprint import has_same_training_code
from gensweep.sweep.courses import assign_starts
from gensweep.system.signals import raise_if_stopped
from gensweep.train import checkpoint
from gensweep.train.artifacts import is_sample_epoch
from gensweep.train.loop import Training
from gensweep.trial.attempt import Attempt, describe_arithmetic, name_sheet

log = logging.getLogger(__name__)


@dataclass
class Start:
    """A checkpoint that a training may go on from.

    Attributes:
        point_id: the point whose checkpoint it is.
        state: what `Attempt.save_checkpoint` wrote.
        is_own: it is of one of the points that are trained now, which an earlier attempt began.
    """

    point_id: str
    state: dict[str, Any]
    is_own: bool

    @property
    def epoch(self) -> int:
        """Return the number of epochs that the training has behind it."""
        return self.state["training"]["epoch"]

    @property
    def origin(self) -> dict[str, Any] | None:
        """Return what a record says of the epochs that another point's training computed."""
        if self.is_own:
            return self.state.get("origin")
        return {
            "point": self.point_id,
            "epoch": self.epoch,
            "seconds": round(self.state["seconds"], 3),
        }

    def copy_sheets(self, attempt: Attempt) -> None:
        """Copy the samples of earlier epochs into the folder of another point.

        A point whose attempt began with the interrupted one has them; one that is new does not.

        Raises:
            CheckpointError: some of them are not there.
        """
        folder = attempt.folder
        if folder is None or attempt.point.id == self.point_id:
            return
        last_epoch = attempt.point.last_epoch
        for epoch in range(1, min(self.epoch + 1, last_epoch)):
            if not is_sample_epoch(epoch, last_epoch):
                continue
            sheet = folder.read_other(self.point_id, name_sheet(epoch))
            if sheet is None:
                raise checkpoint.CheckpointError(
                    f"its samples of epoch {epoch} are not there"
                )
            attempt.write_sheet(epoch, sheet)


def choose_starts(
    attempts: Sequence[Attempt], starts: Sequence[Start]
) -> list[tuple[list[Attempt], Start | None]]:
    """Return the attempts in groups that one training can serve, each with its best start.

    Args:
        attempts: at points of one course, the shortest first.
        starts: the checkpoints that there are.
    """
    ends = [attempt.point.last_epoch for attempt in attempts]
    groups: list[tuple[list[Attempt], Start | None]] = []
    for served, index in assign_starts(
        ends, [start.epoch for start in starts]
    ):
        start = None if index is None else starts[index]
        groups.append(([attempts[one] for one in served], start))
    return groups


def find_starts(
    attempts: Sequence[Attempt], origins: Sequence[str], training: Training
) -> list[Start]:
    """Return the checkpoints that fit, of these points and of others.

    Args:
        attempts: at points of one course.
        origins: ids of other points of it.
        training: the one that would go on from them.

    Raises:
        StoreError: the results root refuses.
    """
    own_ids = [attempt.point.id for attempt in attempts]
    starts = []
    for point_id in dict.fromkeys([*own_ids, *origins]):
        start = _try_to_load(attempts, point_id, training)
        if start is not None:
            starts.append(start)
    return starts


def _try_to_load(
    attempts: Sequence[Attempt], point_id: str, training: Training
) -> Start | None:
    """Return a point's checkpoint if there is one that fits."""
    owner = next(
        (attempt for attempt in attempts if attempt.point.id == point_id),
        None,
    )
    reader = owner or attempts[0]
    if reader.folder is None:
        return None
    try:
        if owner is None:
            reader.exit_stack.callback(reader.folder.discard_other, point_id)
        state = reader.folder.load_checkpoint(
            training.device, point_id, reader.code
        )
        start = Start(point_id, state, owner is not None)
        _check_fits(start, reader, training)
        return start
    except FileNotFoundError:
        if owner is None:
            # It was there when the run began, and the plan counted on it.
            warn_of_misfit(reader, point_id, "it is gone")
        return None
    except (
        checkpoint.CheckpointError,
        RuntimeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        # PyTorch turns the exception of a signal into one of these.
        raise_if_stopped()
        warn_of_misfit(reader, point_id, error)
        return None


def _check_fits(start: Start, attempt: Attempt, training: Training) -> None:
    """Raise CheckpointError if today's training would not have come to the same state."""
    code = start.state.get("code")
    if not has_same_training_code(code, attempt.code):
        raise checkpoint.CheckpointError("other code began this training")
    if start.is_own:
        return
    # The history of another point becomes a part of this one's, with all its metrics.
    if code != attempt.code:
        raise checkpoint.CheckpointError("other code measured its epochs")
    # Another device, precision or set of kernels would have rounded otherwise.
    if start.state.get("hardware") != describe_arithmetic(training):
        raise checkpoint.CheckpointError(
            "its epochs were computed with other rounding"
        )


def warn_of_misfit(
    attempt: Attempt, point_id: str, error: Exception | str
) -> None:
    """Log that a checkpoint is not used."""
    owner = "its checkpoint"
    if point_id != attempt.point.id:
        owner = f"the checkpoint of {point_id}"
    log.warning(
        "%s does not start from %s, which does not fit: %s",
        attempt.point.id,
        owner,
        error,
    )
