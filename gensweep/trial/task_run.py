"""The run of a task: what its function calls, and what becomes of what it reports."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from gensweep.core.errors import (
    LostClaimError,
    StoreError,
    UserError,
    describe_unknown,
)
from gensweep.core.run import Run
from gensweep.core.task import Task
from gensweep.ledger.point_files import CHECKPOINT
from gensweep.ledger.record_values import MAX_METRIC
from gensweep.sweep.code_fingerprint import has_same_training_code
from gensweep.system.file_stems import is_file_name
from gensweep.system.signals import raise_if_stopped
from gensweep.train import checkpoint
from gensweep.train.evaluation import DivergedError
from gensweep.trial.attempt import Attempt, Report
from gensweep.trial.history import build_epoch_report
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
_TRAIN, _VALIDATION = "train/", "validation/"
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
        report: Report,
    ) -> None:
        self._attempt = attempt
        self._report = report
        self._device = device
        self._config: Task = attempt.point.model_config()
        self._generators: dict[str, Any] | None = None
        self._error: Exception | None = None
        self.progress = TaskProgress()
        self.seed = attempt.point.seed
        self.params = self._config.model_dump()
        self.point = attempt.point.id
        self._saved = self._load_checkpoint()
        self.device = device.type
        self.threads = threads

    def train(self) -> dict[str, Any]:
        """Call the function.

        Returns:
            What the record says of a training that is over: `metrics` of the test and of the last
            validation, and `warnings`.

        Raises:
            TaskError: the function breaks a rule; any other error is the function's own.
            DivergedError: a metric is not finite.
        """
        with seed_generators(self.seed):
            try:
                result = self._config.function(
                    self, **self._config.get_arguments()
                )
            except UserError as error:
                # The user's function is the point's own code; a failure of it stops no other point.
                raise TaskError(str(error)) from error
            except SystemExit as error:
                raise TaskError(
                    f"the task ended its process: exit({error.code})"
                ) from error
        if self._error is not None:
            # The function caught what was meant for gensweep.
            raise self._error
        metrics, warnings = self._check_result(result)
        if not self.progress.epoch:
            # The function trains by itself, and is over.
            self.progress.epoch = self._config.epochs
        for line in self.progress.history[-1:]:
            metrics |= {
                name: line[name]
                for name in line
                if name.startswith(_VALIDATION)
            }
        self._attempt.write_history()
        return {"metrics": metrics, "warnings": warnings}

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
                raise TaskError(f"epoch {number} ended without run.epoch(...)")

    def epoch(self, metrics: Mapping[str, float], state: Any = None) -> None:
        """Report an epoch: keep its metrics and its state, then go on."""
        if self._error is not None:
            raise self._error
        try:
            self._end_epoch(metrics, state)
        except (LostClaimError, StoreError, TaskError, DivergedError) as error:
            self._error = error
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

    # --- checks

    def _end_epoch(self, metrics: Mapping[str, float], state: Any) -> None:
        raise_if_stopped()
        number = self.progress.epoch + 1
        if number > self._config.epochs:
            raise TaskError(
                f"run.epoch: epoch {number}, but epochs={self._config.epochs}"
            )
        line = {"epoch": float(number)}
        line |= self._check_epoch_metrics(metrics, f"in epoch {number}")
        encoded = None if state is None else encode_state(state)
        self.progress.epoch = number
        self.progress.history = [*self.progress.history, line]
        if encoded is not None and self._attempt.folder:
            saved = {
                "task": encoded,
                "epoch": number,
                "history": self.progress.history,
                "generators": encode_state(get_generator_states()),
                "seconds": self._attempt.seconds,
                "code": self._attempt.code,
            }
            save = partial(checkpoint.save, point_id=self.point, state=saved)
            self._attempt.folder.write(CHECKPOINT, save)
        self._attempt.tracker.log(self.progress.history)
        self._report(build_epoch_report(self._attempt.point, line))

    def _check_epoch_metrics(self, metrics: Any, when: str) -> dict[str, float]:
        """Return the metrics of an epoch as floats.

        Raises:
            TaskError: a name or a value is wrong.
            DivergedError: a value is not finite.
        """
        if not isinstance(metrics, Mapping):
            raise TaskError(f"run.epoch: {metrics!r} is not a dict of metrics")
        declared = [_VALIDATION + name for name in self._config.metrics]
        values = {}
        for name, value in metrics.items():
            is_train = (
                isinstance(name, str)
                and name.startswith(_TRAIN)
                and name.isprintable()
            )
            if not is_train and name not in declared:
                hint = "; metrics of the training are named train/NAME"
                raise TaskError(
                    f"run.epoch: {describe_unknown('metric', name, declared)}{hint}"
                )
            values[name] = _convert_number(name, value, when)
        return values

    def _check_result(self, result: Any) -> tuple[dict[str, float], list[str]]:
        """Return the metrics that the function returned, and warnings about them.

        Raises:
            TaskError: it returned something else, or not what it declares.
            DivergedError: a value is not finite.
        """
        declared = self._config.metrics
        example = f"{{{next(iter(declared))!r}: ...}}"
        if not isinstance(result, Mapping):
            name = self._attempt.point.model
            returned = (
                "nothing" if result is None else f"a {type(result).__name__}"
            )
            raise TaskError(
                f"{name} returned {returned}; it must return a dict such as {example}"
            )
        for name in result:
            if name not in declared:
                raise TaskError(
                    f"returned an {describe_unknown('metric', name, declared)}"
                )
        absent = [name for name in declared if name not in result]
        if absent:
            raise TaskError(
                f"did not return {absent[0]!r}, which it declares; None: not defined"
            )
        metrics, warnings = {}, []
        for name, value in result.items():
            if value is None:
                continue
            number = _convert_number(name, value, "at the test")
            metrics[f"test/{name}"] = number
            if not declared[name].contains(number):
                warnings.append(
                    f"{name} {number:g} is outside its range, {declared[name]}"
                )
        if not metrics:
            raise TaskError("returned no metric that has a value")
        return metrics, warnings

    def _load_checkpoint(self) -> dict[str, Any] | None:
        """Return the last checkpoint; None if there is none that today's code can go on from."""
        if self._attempt.folder is None:
            return None
        try:
            saved = self._attempt.folder.load_checkpoint(
                torch.device("cpu"), self.point
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


def _convert_number(name: str, value: Any, when: str) -> float:
    """Return a metric as a float.

    Raises:
        TaskError: it is no number.
        DivergedError: it is not finite.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TaskError(
            f"{name} is {value!r:.80} (a {type(value).__name__}) {when}, not a number"
        )
    if not math.isfinite(value):
        raise DivergedError(f"{name} not finite {when}")
    if abs(value) > MAX_METRIC:
        raise TaskError(
            f"{name} is {value:g} {when}; the largest metric is {MAX_METRIC:g}"
        )
    return float(value)
