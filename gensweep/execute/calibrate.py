"""Rates by trying: a few real training steps of each shape that no record of this machine knows."""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch

from gensweep.execute.plan import Rates, shape
from gensweep.prepare.array_cache import prepared
from gensweep.sweep.point import Point
from gensweep.train.loop import Training
from gensweep.trial.device import resolve_device

WARM_UP, TIMED = 2, 4


def calibrate(points: Iterable[Point], rates: Rates, device: str = "auto", threads: int = 1) -> int:
    """Time a few steps of every unknown shape and add its rate; validation and checkpoints are left out.

    Returns:
        How many shapes were tried.
    """
    torch.set_num_threads(threads)
    unknown = {shape(p.model, p.params): p for p in points if rates.seconds(p) is None}
    datasets: dict = {}
    for key, point in unknown.items():
        if point.data_key not in datasets:
            datasets = {point.data_key: prepared(point.data_config())}
        training = Training(
            point.model_config(),
            point.data_config(),
            point.seed,
            datasets[point.data_key],
            resolve_device(device),
        )
        seconds = _step_seconds(training)
        rates.seen[key] = [seconds * training.steps_per_epoch / point.params["train_fraction"]]
    return len(unknown)


def _step_seconds(training: Training) -> float:
    start, done = time.perf_counter(), 0
    for index, (logged, _) in enumerate(training.run_steps(), start=1):
        next(iter(logged.values())).item()  # waits for the device
        if index == min(WARM_UP, training.steps_per_epoch - 1):
            start, done = time.perf_counter(), 0
            continue
        done += 1
        if done == TIMED:
            break
    return (time.perf_counter() - start) / max(done, 1)
