"""One trial: a pack's points from data to records."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import torch

from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays
from gensweep.core.registries import MODELS
from gensweep.ledger.status import Status
from gensweep.prepare import array_cache
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.sweep.courses import Course, Origin
from gensweep.sweep.point import Pack, Point
from gensweep.system.environment import get_versions
from gensweep.system.processes import Process
from gensweep.train.lanes import Lanes
from gensweep.train.memory import configure_malloc, reset_peaks
from gensweep.trial.attempt import Attempt
from gensweep.trial.claiming import begin_attempt
from gensweep.trial.config import TrialConfig
from gensweep.trial.course import CourseAttempt
from gensweep.trial.device import count_fitting_lanes, resolve_device
from gensweep.trial.outcomes import end_attempt, record_failure_of
from gensweep.trial.process_deaths import (
    forget_attempt,
    note_attempt,
    note_epochs,
    note_starts,
)
from gensweep.trial.reports import (
    ReportFunction,
    build_epoch_report,
    join_reports,
)
from gensweep.trial.task_run import TaskRun


def run_pack(
    pack: Pack,
    datasets: Mapping[str, DatasetArrays] | None,
    config: TrialConfig,
    report: ReportFunction,
) -> None:
    """Train every point of a pack, and report each epoch and each outcome.

    Args:
        pack: what to train.
        datasets: prepared arrays by `Point.data_key`; missing ones are prepared here.
        config: the trial's settings.
        report: called with each report, as `gensweep.trial.reports`.

    Raises:
        UserError: this machine has no such device, or there is no such data.
    """
    torch.set_num_threads(config.cpus_per_trial)
    configure_malloc()
    # Both are cached by the first call. So records name the code that was imported, even if
    # somebody edits it during the training.
    get_versions()
    for point in pack.points:
        compute_fingerprint(point.model, point.params["dataset"])
    device = resolve_device(config.device)
    if not MODELS[pack.model].is_trained_by_loop:
        for point in pack.points:
            reset_peaks()
            _run_task(point, device, config, report)
        return
    remaining = list(pack.courses)
    while remaining:
        reset_peaks()
        size = len(remaining)
        if config.limits_lanes_to_memory:
            size = count_fitting_lanes(
                remaining[0][0], device, config.gpus_per_trial
            )
        _run_lanes(
            remaining[:size],
            pack.origins,
            datasets or {},
            device,
            config,
            report,
        )
        remaining = remaining[size:]
        # A reused worker would start its next trial with the memory of this one.
        gc.collect()


def _run_lanes(
    courses: list[Course],
    origins: Mapping[str, Sequence[Origin]],
    datasets: Mapping[str, DatasetArrays],
    device: torch.device,
    config: TrialConfig,
    report: ReportFunction,
) -> None:
    """Train those points of these courses together that nobody else trains."""
    with contextlib.ExitStack() as exit_stack:
        # A sweep file or the user's process may have changed the default, and with it the numbers.
        exit_stack.callback(
            torch.set_default_dtype, torch.get_default_dtype()
        )
        torch.set_default_dtype(torch.float32)
        lanes = []
        for course in courses:
            attempts = []
            for point in course:
                attempt = begin_attempt(point, config, report, exit_stack)
                if attempt is not None:
                    attempts.append(attempt)
            if attempts:
                lanes.append(CourseAttempt(attempts))
        if config.driver == Process.get_current():
            # A worker has a driver that sees it die.
            note_starts(_list_attempts(lanes))
            lanes = _end_finished(lanes, device, report)
            lanes = _start(lanes, origins, datasets, device)
            note_epochs(lanes)
        else:
            lanes = _start(lanes, origins, datasets, device)
        if config.repeats_history:
            for attempt in _list_attempts(lanes):
                for line in attempt.history:
                    report(build_epoch_report(attempt.point, line))
        _train(lanes, device, report)


def _run_task(
    point: Point,
    device: torch.device,
    config: TrialConfig,
    report: ReportFunction,
) -> None:
    """Call the function of a task, unless somebody else trains the point."""
    with contextlib.ExitStack() as exit_stack:
        attempt = begin_attempt(point, config, report, exit_stack)
        if attempt is None:
            return
        with record_failure_of(attempt):
            run = TaskRun(attempt, device, config.cpus_per_trial, report)
            attempt.training = run.progress
            if attempt.folder and config.driver == Process.get_current():
                # A worker has a driver that sees it die. The callback comes first: a signal may
                # come while the note is written.
                attempt.exit_stack.callback(forget_attempt, attempt.folder)
                note_attempt(attempt.folder, run.restored_epoch)
            attempt.outcome = run.train() | {"status": Status.OK}
        assert attempt.outcome is not None, "an error is an outcome, too"
        end_attempt(attempt, attempt.outcome, device, report)


# --- training


def _start(
    lanes: Sequence[CourseAttempt],
    origins: Mapping[str, Sequence[Origin]],
    datasets: Mapping[str, DatasetArrays],
    device: torch.device,
) -> list[CourseAttempt]:
    """Build the lanes' trainings, and return all lanes, of which there may then be more."""
    for number, lane in enumerate(lanes):
        for attempt in lane.attempts:
            attempt.pack = {"size": len(lanes), "lane": number}
            attempt.share(len(lanes))
    started = []
    for lane in lanes:
        new_lanes = [lane]
        first = lane.attempts[0].point
        others = [origin.point_id for origin in origins.get(first.id, ())]
        with record_failure_of(*lane.attempts):
            data = datasets.get(first.data_key)
            if not data:
                data = _prepare(first.data_config())
            share_with = None if lane is lanes[0] else lanes[0].training
            new_lanes = lane.start(data, device, others, share_with)
        started += new_lanes
    return started


def _train(
    lanes: list[CourseAttempt], device: torch.device, report: ReportFunction
) -> None:
    """Train lanes to their records; an error of one lane is its outcome, and stops no other."""
    together = Lanes()
    lanes = _end_finished(lanes, device, report)
    while lanes:
        reached = [lane for lane in lanes if lane.has_reached_a_point]
        if reached:
            began = time.perf_counter()
            reached[0].finish_next()
            lanes = _end_finished(lanes, device, report)
            reached[0].exclude(time.perf_counter() - began)
        else:
            _run_epoch(together, _find_behind(lanes), report)
            lanes = _end_finished(lanes, device, report)


def _end_finished(
    lanes: list[CourseAttempt], device: torch.device, report: ReportFunction
) -> list[CourseAttempt]:
    """Record the attempts that have an outcome, and return the lanes that go on."""
    ended = [attempt for lane in lanes for attempt in lane.drop_ended()]
    active = [lane for lane in lanes if lane.attempts]
    for attempt in ended:
        assert attempt.outcome is not None
        end_attempt(attempt, attempt.outcome, device, report)
        # Its tensors are views of the pack's: one reference would keep those of all lanes.
        attempt.training = None
    for attempt in _list_attempts(active):
        attempt.share(len(active))
    return active


def _list_attempts(lanes: Iterable[CourseAttempt]) -> list[Attempt]:
    return [attempt for lane in lanes for attempt in lane.attempts]


def _find_behind(lanes: Iterable[CourseAttempt]) -> list[CourseAttempt]:
    """Return the lanes to train next: those with the fewest epochs.

    Lanes may differ after a restart, since a kill may come between two checkpoints.
    """
    unfinished = [lane for lane in lanes if lane.is_unfinished]
    fewest = min((lane.epoch for lane in unfinished), default=0)
    return [lane for lane in unfinished if lane.epoch == fewest]


def _run_epoch(
    together: Lanes, lanes: list[CourseAttempt], report: ReportFunction
) -> None:
    """Train one epoch of some lanes, and report it once for all of them."""
    # An error of a step concerns all lanes; each result may also be an error of one lane.
    with record_failure_of(*_list_attempts(lanes)):
        results = together.run_epoch(
            [lane.training for lane in lanes if lane.training]
        )
        reports = []
        for lane, result in zip(lanes, results, strict=True):
            with record_failure_of(*lane.attempts):
                if isinstance(result, Exception):
                    raise result
                reports += lane.end_epoch()
        if reports:
            report(join_reports(reports))


@lru_cache(maxsize=2)
def _prepare(data: Data) -> DatasetArrays:
    """Return arrays of a dataset that nobody passed in; cached for the worker's next trial."""
    return array_cache.load_arrays(data)
