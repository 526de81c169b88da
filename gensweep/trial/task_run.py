"""The run of a task: what its function calls, and what becomes of what it reports."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch

from gensweep.core.errors import (
    LostClaimError,
    StoreError,
    UserError,
)
from gensweep.core.positions import locate_function
from gensweep.core.run import Run
from gensweep.core.task import Task
from gensweep.ledger.point_files import CHECKPOINT
from gensweep.sweep.code_fingerprint import has_same_training_code
from gensweep.system.file_stems import is_file_name
from gensweep.system.signals import Stopped, raise_if_stopped
from gensweep.system.terminal import keep_streams
from gensweep.train import checkpoint
from gensweep.train.divergence import DivergedError
from gensweep.trial.attempt import Attempt
from gensweep.trial.reports import ReportFunction, build_epoch_report
from gensweep.trial.task_metrics import (
    VALIDATION,
    check_epoch_metrics,
    check_result,
)
from gensweep.trial.task_state import (
    TaskError,
    decode_state,
    encode_state,
    get_generator_states,
    seed_generators,
    set_generator_states,
)

log = logging.getLogger(__name__)
FILES = "files"
"""The folder of a point that holds the task's own files."""
_FROM_RESTORED: Any = object()


class TaskProgress:
    """The progress of a task, with the attributes that an attempt needs of a training."""

    def __init__(self) -> None:
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.compute_info: dict[str, str] = {}


class TaskRun(Run):
    """The run of one attempt at a point of a task.

    Args:
        attempt: the attempt, which owns the point's folder.
        device: where to train.
        threads: how many threads the task may use.
        report: receives each epoch.
    """

    def __init__(
        self,
        attempt: Attempt,
        device: torch.device,
        threads: int,
        report: ReportFunction,
    ) -> None:
        self._attempt = attempt
        self._report = report
        self._device = device
        self._config: Task = attempt.point.model_config()
        self._generators: dict[str, Any] | None = None
        self._error: Exception | None = None
        self._interruption: BaseException | None = None
        self.progress = TaskProgress()
        self.seed = attempt.point.seed
        self.params = self._config.model_dump()
        self.point = attempt.point.id
        self._saved = self._load_checkpoint()
        self.device = device.type
        self.threads = threads

    @property
    def restored_epoch(self) -> int:
        """The last epoch of the checkpoint; 0: there is none."""
        return self._saved["epoch"] if self._saved else 0

    def train(self) -> dict[str, Any]:
        """Call the function.

        Returns:
            What the record says of a training that is over: `metrics` of the test and of the last
            validation, and `warnings`.

        Raises:
            TaskError: the function breaks a rule; any other error is the function's own.
            DivergedError: a metric is not finite.
        """
        result = self._call_function()
        if self._error is not None:
            # The function caught what was meant for gensweep.
            raise self._error
        try:
            metrics, warnings = check_result(
                self._attempt.point.model, result, self._config.metrics
            )
        except TaskError as error:
            error.position = locate_function(self._config.function)
            raise
        if not self.progress.epoch:
            # The function trains by itself, and is over.
            self.progress.epoch = self._config.epochs
        for line in self.progress.history[-1:]:
            for name, value in line.items():
                if name.startswith(VALIDATION):
                    metrics[name] = value
        self._attempt.write_history()
        return {"metrics": metrics, "warnings": warnings}

    def _call_function(self) -> Any:
        """Return what the function returns.

        Raises:
            TaskError: it ends in a way that would end the run of all points.
        """
        with seed_generators(self.seed), keep_streams():
            try:
                return self._config.function(
                    self, **self._config.get_arguments()
                )
            except UserError as error:
                # The user's function is the point's own code; a failure of it stops no other point.
                raise TaskError(str(error)) from error
            except SystemExit as error:
                raise TaskError(
                    f"the task ended its process: exit({error.code})"
                ) from error
            except (Exception, KeyboardInterrupt, Stopped):
                raise
            except BaseException as error:
                if error is self._interruption:
                    raise
                # Such as asyncio's CancelledError, which no caller expects.
                raise TaskError(f"{type(error).__name__}: {error}") from error

    # --- what the function calls

    def restore(self) -> Any:
        """Return the state of the last epoch of an earlier attempt; None if there is none."""
        if self._saved is None:
            return None
        self.progress.epoch = self._saved["epoch"]
        self.progress.history = self._saved["history"]
        self._generators = decode_state(self._saved["generators"])
        return decode_state(self._saved["task"])

    def epochs(self, state: Any = _FROM_RESTORED) -> Iterator[int]:
        """Yield the numbers of the epochs to train."""
        if state is None:
            self.progress.epoch = 0
            self.progress.history = []
            self._generators = None
        if self._generators is not None:
            # Only now: what was built since `restore` may have drawn numbers.
            set_generator_states(self._generators)
        while self.progress.epoch < self._config.epochs:
            number = self.progress.epoch + 1
            yield number
            if self.progress.epoch != number:
                raise TaskError(
                    f"epoch {number} ended without run.epoch(...)"
                )

    def epoch(self, metrics: Mapping[str, float], state: Any = None) -> None:
        """Report an epoch: keep its metrics and its state, then go on."""
        if self._error is not None:
            raise self._error
        try:
            self._end_epoch(metrics, state)
        except (
            LostClaimError,
            StoreError,
            TaskError,
            DivergedError,
        ) as error:
            self._error = error
            raise
        except BaseException as error:
            self._interruption = error
            raise

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file into the folder `files` of the point."""
        if not isinstance(name, str) or not is_file_name(name):
            raise TaskError(f"run.write: {name!r} is not a plain file name")
        if not isinstance(content, (str, bytes)):
            raise TaskError(
                f"run.write: {name} is a {type(content).__name__}, not text or bytes"
            )
        if self._attempt.folder:
            self._attempt.folder.write(f"{FILES}/{name}", content)

    def _end_epoch(self, metrics: Mapping[str, float], state: Any) -> None:
        raise_if_stopped()
        number = self.progress.epoch + 1
        if number > self._config.epochs:
            raise TaskError(
                f"run.epoch: epoch {number}, but epochs={self._config.epochs}"
            )
        line = {"epoch": float(number)}
        when = f"in epoch {number}"
        line |= check_epoch_metrics(metrics, self._config.metrics, when)
        encoded = None if state is None else encode_state(state)
        self.progress.epoch = number
        self.progress.history = [*self.progress.history, line]
        if encoded is not None:
            self._save_checkpoint(encoded)
        self._attempt.tracker.log(self.progress.history)
        self._report(build_epoch_report(self._attempt.point, line))

    # --- checkpoints

    def _save_checkpoint(self, encoded: Any) -> None:
        """Write an encoded state, and all else from which a later attempt goes on."""
        if self._attempt.folder is None:
            return
        saved = {
            "task": encoded,
            "epoch": self.progress.epoch,
            "history": self.progress.history,
            "generators": encode_state(get_generator_states()),
            "seconds": self._attempt.seconds,
            "code": self._attempt.code,
        }
        save = partial(checkpoint.save, point_id=self.point, state=saved)
        self._attempt.folder.write(CHECKPOINT, save)

    def _load_checkpoint(self) -> dict[str, Any] | None:
        """Return the last checkpoint; None if there is none that today's code can go on from."""
        if self._attempt.folder is None:
            return None
        try:
            saved = self._attempt.folder.load_checkpoint(
                torch.device("cpu"), self.point, self._attempt.code
            )
            if not has_same_training_code(
                saved.get("code"), self._attempt.code
            ):
                raise checkpoint.CheckpointError(
                    "other code began this training"
                )
            seconds, _ = saved["seconds"], saved["task"]
        except FileNotFoundError:
            return None
        except (checkpoint.CheckpointError, LookupError) as error:
            log.warning(
                "%s starts from the beginning: %s",
                self._attempt.point.id,
                error,
            )
            return None
        self._attempt.add_seconds(seconds)
        return saved
