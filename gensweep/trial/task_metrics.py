"""The numbers that a task reports: which of them count, and what is wrong with the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from gensweep.core.errors import describe_unknown
from gensweep.core.run import Range
from gensweep.core.values import MAX_METRIC
from gensweep.train.divergence import DivergedError
from gensweep.trial.task_state import TaskError

TRAIN, VALIDATION = "train/", "validation/"
"""The beginnings of the names of an epoch's metrics."""


def check_epoch_metrics(
    metrics: Any, declared: Mapping[str, Range], when: str
) -> dict[str, float]:
    """Return the metrics of an epoch as floats.

    Args:
        metrics: what the function reports.
        declared: the metrics of the task.
        when: the epoch, for messages: `in epoch 3`.

    Raises:
        TaskError: a name or a value is wrong.
        DivergedError: a value is not finite.
    """
    if not isinstance(metrics, Mapping):
        raise TaskError(f"run.epoch: {metrics!r} is not a dict of metrics")
    names = [VALIDATION + name for name in declared]
    values = {}
    for name, value in metrics.items():
        if name not in names and not _is_train_metric(name):
            unknown = describe_unknown("metric", name, names)
            hint = "Metrics of the training are named train/NAME."
            raise TaskError(f"run.epoch: {unknown} {hint}")
        values[name] = convert_number(name, value, when)
    return values


def _is_train_metric(name: Any) -> bool:
    if not isinstance(name, str) or not name.isprintable():
        return False
    return name.startswith(TRAIN)


def check_result(
    task: str, result: Any, declared: Mapping[str, Range]
) -> tuple[dict[str, float], list[str]]:
    """Return the metrics that a function returned, and warnings about them.

    Args:
        task: its name.
        result: what it returned.
        declared: the metrics of the task.

    Raises:
        TaskError: it returned something else, or not what it declares.
        DivergedError: a value is not finite.
    """
    _check_names(task, result, declared)
    metrics = {}
    warnings = []
    for name, value in result.items():
        if value is None:
            continue
        number = convert_number(name, value, "at the test")
        metrics[f"test/{name}"] = number
        limits = declared[name]
        if not limits.contains(number):
            warnings.append(
                f"{name} {number:g} is outside its range, {limits}"
            )
    if not metrics:
        names = ", ".join(declared)
        raise TaskError(
            f"{task} returned no metric that has a value: {names} is None"
        )
    return metrics, warnings


def _check_names(
    task: str, result: Any, declared: Mapping[str, Range]
) -> None:
    """Raise TaskError if a result is no dict of exactly the declared metrics."""
    if not isinstance(result, Mapping):
        example = f"{{{next(iter(declared))!r}: ...}}"
        returned = "nothing"
        if result is not None:
            returned = f"a {type(result).__name__}"
        raise TaskError(
            f"{task} returned {returned}; it must return a dict such as {example}"
        )
    for name in result:
        if name not in declared:
            unknown = describe_unknown("metric", name, declared)
            raise TaskError(f"{task} returned an {unknown}")
    absent = [name for name in declared if name not in result]
    if absent:
        raise TaskError(
            f"{task} did not return {absent[0]!r}, which it declares; return None "
            "for a metric that is not defined"
        )


def convert_number(name: str, value: Any, when: str) -> float:
    """Return a metric as a float.

    Args:
        name: the metric.
        value: a number, or an array or tensor that holds one.
        when: the epoch or the test, for messages.

    Raises:
        TaskError: it is no number, or a number that no float can hold.
        DivergedError: it is not finite.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        kind = type(value).__name__
        text = f"{value!r:.80}"
        raise TaskError(f"{name} is {text} (a {kind}) {when}, not a number")
    try:
        number = float(value)
    except OverflowError:
        # Python's integers have no limit.
        digits = int(abs(value).bit_length() * math.log10(2)) + 1
        size = f"an integer of about {digits:,} digits"
        raise TaskError(_describe_too_large(name, size, when)) from None
    if not math.isfinite(number):
        raise DivergedError(f"{name} not finite {when}")
    if abs(number) > MAX_METRIC:
        raise TaskError(_describe_too_large(name, f"{number:g}", when))
    return number


def _describe_too_large(name: str, size: str, when: str) -> str:
    return f"{name} is {size} {when}; the largest metric is {MAX_METRIC:g}"
