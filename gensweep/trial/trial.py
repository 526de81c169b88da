"""One trial: a pack's points from data to records."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Mapping
from functools import lru_cache

import torch

from gensweep.core.config import Data
from gensweep.core.dataset import DatasetArrays
from gensweep.ledger.records import OK
from gensweep.prepare import array_cache
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.sweep.point import Pack, Point
from gensweep.system.environment import get_versions
from gensweep.train.lanes import Lanes
from gensweep.train.memory import configure_malloc, reset_peaks
from gensweep.trial.attempt import Attempt, Report
from gensweep.trial.claiming import begin_attempt
from gensweep.trial.context import Context
from gensweep.trial.device import count_fitting_lanes, resolve_device
from gensweep.trial.history import build_epoch_report
from gensweep.trial.outcomes import end_attempt, record_failure_of


def run_pack(
    pack: Pack, datasets: Mapping[str, DatasetArrays] | None, context: Context, report: Report
) -> None:
    """Train every point of a pack, and report each epoch and each outcome.

    Reports hold `point`, and either `epoch`, `epochs` and the epoch's metrics, or `status` (`ok`,
    `diverged`, `failed`, `claimed`), `error` and the metrics. An outcome may also hold a `warning`
    of the trial's, a list of the point's `warnings`, and `unavailable` if the results root did not
    answer. An epoch of many lanes is one report: `lanes`, a list of theirs.

    Args:
        pack: what to train.
        datasets: prepared arrays by `Point.data_key`; missing ones are prepared here.
        context: the trial's settings.
        report: called with each report.

    Raises:
        UserError: this machine has no such device, or there is no such data.
    """
    torch.set_num_threads(context.threads)
    configure_malloc()
    # Both are cached by the first call. So records name the code that was imported, even if
    # somebody edits it during the training.
    get_versions()
    for point in pack.points:
        compute_fingerprint(point.model, point.params["dataset"])
    device = resolve_device(context.device)
    remaining = list(pack.points)
    while remaining:
        reset_peaks()
        size = len(remaining)
        if context.limit_lanes_to_memory:
            size = count_fitting_lanes(remaining[0], device, context.gpus)
        _run_lanes(remaining[:size], datasets or {}, device, context, report)
        remaining = remaining[size:]
        # A reused worker would start its next trial with the memory of this one.
        gc.collect()


def _run_lanes(
    points: list[Point],
    datasets: Mapping[str, DatasetArrays],
    device: torch.device,
    context: Context,
    report: Report,
) -> None:
    """Train those of these points together that nobody else trains."""
    with contextlib.ExitStack() as exit_stack:
        # A sweep file or the user's process may have changed the default, and with it the numbers.
        exit_stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        attempts = []
        for point in points:
            attempt = begin_attempt(point, context, report, exit_stack)
            if attempt is not None:
                attempts.append(attempt)
        _train(attempts, datasets, device, report, context.repeats_history)


# --- training


def _train(
    attempts: list[Attempt],
    datasets: Mapping[str, DatasetArrays],
    device: torch.device,
    report: Report,
    repeats_history: bool,
) -> None:
    """Train lanes to their records; an error of one lane is its outcome, and stops no other."""
    for lane, attempt in enumerate(attempts):
        attempt.pack = {"size": len(attempts), "lane": lane}
        attempt.share(len(attempts))
    for attempt in attempts:
        with record_failure_of(attempt):
            data = datasets.get(attempt.point.data_key)
            if not data:
                data = _prepare(attempt.point.data_config())
            share_with = None if attempt is attempts[0] else attempts[0].training
            attempt.start(data, device, share_with)
    if repeats_history:
        for attempt in attempts:
            for line in attempt.history:
                report(build_epoch_report(attempt.point, line))
    lanes = Lanes()
    attempts = _end_finished(attempts, device, report)
    while behind := _find_behind(attempts):
        _run_epoch(lanes, behind, report)
        attempts = _end_finished(attempts, device, report)
    while attempts:
        with record_failure_of(attempts[0]):
            attempts[0].outcome = attempts[0].finish() | {"status": OK}
        attempts = _end_finished(attempts, device, report)


def _end_finished(attempts: list[Attempt], device: torch.device, report: Report) -> list[Attempt]:
    """Record the attempts that have an outcome, and return the others."""
    active = [attempt for attempt in attempts if attempt.outcome is None]
    for attempt in attempts:
        if attempt.outcome is not None:
            end_attempt(attempt, attempt.outcome, device, report)
            # Its tensors are views of the pack's: one reference would keep those of all lanes.
            attempt.training = None
    for attempt in active:
        attempt.share(len(active))
    return active


def _find_behind(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the lanes to train next: those with the fewest epochs.

    Lanes may differ after a restart, since a kill may come between two checkpoints.
    """
    unfinished = [attempt for attempt in attempts if attempt.epoch < attempt.point.params["epochs"]]
    fewest = min((attempt.epoch for attempt in unfinished), default=0)
    return [attempt for attempt in unfinished if attempt.epoch == fewest]


def _run_epoch(lanes: Lanes, attempts: list[Attempt], report: Report) -> None:
    """Train one epoch of some lanes, and report it once for all of them."""
    # An error of a step concerns all lanes; each result may also be an error of one lane.
    with record_failure_of(*attempts):
        results = lanes.run_epoch([attempt.training for attempt in attempts if attempt.training])
        reports = []
        for attempt, result in zip(attempts, results, strict=True):
            with record_failure_of(attempt):
                if isinstance(result, Exception):
                    raise result
                reports.append(attempt.end_epoch())
        if len(reports) == 1:
            report(reports[0])
        elif reports:
            report({"lanes": reports})


@lru_cache(maxsize=2)
def _prepare(data: Data) -> DatasetArrays:
    """Return arrays of a dataset that nobody passed in; cached for the worker's next trial."""
    return array_cache.load_arrays(data)
