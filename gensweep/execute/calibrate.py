"""Calibration: time a few training steps of each shape that no record of this machine has."""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch

from gensweep.core.dataset import DatasetArrays
from gensweep.execute.rates import Rates
from gensweep.prepare.array_cache import load_arrays
from gensweep.sweep.point import Point
from gensweep.train.loop import Training
from gensweep.trial.device import resolve_device

WARM_UP_STEPS, TIMED_STEPS = 2, 4


def calibrate(
    points: Iterable[Point],
    rates: Rates,
    device: str = "auto",
    threads: int = 1,
) -> int:
    """Time a few steps of every unknown shape and add its rate.

    Validation and checkpoints are not timed.

    Args:
        points: the points to train.
        rates: the known rates; new ones are added.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: threads of torch.

    Returns:
        How many shapes were timed.
    """
    torch.set_num_threads(threads)
    unknown: dict[str, Point] = {}
    for point in points:
        # What a task does in a step, nobody but its function knows.
        has_steps = point.model_config().is_trained_by_loop
        if has_steps and rates.estimate_seconds(point) is None:
            unknown[point.shape_key] = point
    datasets: dict[str, DatasetArrays] = {}
    for key, point in unknown.items():
        # One dataset in memory at a time.
        if point.data_key not in datasets:
            datasets = {point.data_key: load_arrays(point.data_config())}
        training = Training(
            point.model_config(),
            point.data_config(),
            point.seed,
            datasets[point.data_key],
            resolve_device(device),
        )
        seconds = _time_step(training)
        rates.seen[key] = [
            seconds
            * training.steps_per_epoch
            / point.params["train_fraction"]
        ]
    return len(unknown)


def _time_step(training: Training) -> float:
    """Return the mean seconds of a training step."""
    warm_up = min(WARM_UP_STEPS, training.steps_per_epoch - 1)
    start, steps = time.perf_counter(), 0
    for index, (logged, _) in enumerate(training.run_steps(), start=1):
        # A device works asynchronously; reading a number waits until it has finished the step.
        next(iter(logged.values())).item()
        if index == warm_up:
            start, steps = time.perf_counter(), 0
            continue
        steps += 1
        if steps == TIMED_STEPS:
            break
    return (time.perf_counter() - start) / max(steps, 1)
