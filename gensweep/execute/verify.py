"""Verification: train some points again for a few epochs, and compare them with their records."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from gensweep.core.errors import GensweepError, RecordError
from gensweep.execute.comparison import (
    MAX_FLIPPED_EXAMPLES,
    TOLERANCES,
    Comparison,
    compute_difference,
    compute_differences,
    judge_differences,
)
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.recorded_points import rebuild_point
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.prepare import array_cache
from gensweep.report.results import Results
from gensweep.report.verified import (
    DIFFERENT,
    UNCOMPARED,
)
from gensweep.sweep.point import Point
from gensweep.system.environment import get_hardware
from gensweep.train.divergence import DivergedError
from gensweep.train.loop import Training
from gensweep.train.memory import configure_malloc
from gensweep.trial.device import describe_device, resolve_device

log = logging.getLogger(__name__)


def choose_points(results: Results, sample: int) -> list[str]:
    """Return the ids of finished points to verify.

    Every model gets its turn; its points are evenly spaced over its cells and seeds.

    Args:
        results: the sweep's results.
        sample: how many points.
    """
    finished = results.points[results.points["status"] == Status.OK]
    ids_of_model: dict[str, list[str]] = {}
    for model in results.models:
        ids_of_model[model] = finished[finished["model"] == model][
            "id"
        ].tolist()
    turns = []
    sample = min(sample, len(finished))
    for turn in range(sample):
        turns += [
            model
            for model in results.models
            if turn < len(ids_of_model[model])
        ]
    quotas = Counter(turns[:sample])
    chosen = []
    for model, quota in quotas.items():
        ids = ids_of_model[model]
        for index in range(quota):
            # The middle of the index-th of ``quota`` equal parts.
            middle = (2 * index + 1) * len(ids) // (2 * quota)
            chosen.append(ids[middle])
    return chosen


def verify(
    results: Results, ids: Sequence[str], epochs: int, device_name: str
) -> Iterator[Comparison]:
    """Yield the outcome of training each of these points again.

    Args:
        results: the sweep's results.
        ids: ids of points with a record.
        epochs: epochs to train again, of each point.
        device_name: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UserError: there is no such device.
    """
    torch.set_num_threads(1)
    configure_malloc()
    device = resolve_device(device_name)
    for point_id in ids:
        try:
            record = Ledger(results.store).read_record(point_id)
        except (RecordError, OSError) as error:
            # A run may have begun to train it again.
            log.warning("%s is not verified: %s", point_id, error)
            continue
        try:
            yield _compare_point(results, record, epochs, device)
        except (GensweepError, OSError) as error:
            yield Comparison(record, UNCOMPARED, reason=str(error))
        except Exception as error:
            # The code of a user's model may raise anything.
            log.debug("%s cannot be trained", point_id, exc_info=error)
            reason = f"{type(error).__name__}: {error}"
            yield Comparison(record, UNCOMPARED, reason=reason)


def _compare_point(
    results: Results, record: Record, epochs: int, device: torch.device
) -> Comparison:
    """Compare a point with its history, unless something stands in the way."""
    history = results.load_history(record.id)
    if history is None:
        return Comparison(record, UNCOMPARED, reason="it has no history.csv")
    contradiction = _find_contradiction(record, history)
    if contradiction:
        reason = (
            f"its history.csv was changed: {contradiction} of the last epoch is another number in "
            "its record"
        )
        return Comparison(record, UNCOMPARED, reason=reason)
    point = rebuild_point(record)
    if not point.model_config().is_trained_by_loop:
        reason = "a task is trained as a whole: run its sweep with other --results to compare"
        return Comparison(record, UNCOMPARED, reason=reason)
    return _train_and_compare(record, point, history, epochs, device)


def _train_and_compare(
    record: Record,
    point: Point,
    history: Mapping[str, np.ndarray],
    epochs: int,
    device: torch.device,
) -> Comparison:
    """Train the first epochs of a point again, and compare them with its history."""
    data = point.data_config()
    arrays = array_cache.load_arrays(data)
    # `auto` may mean another precision on this machine than on the one that trained the point.
    recorded = record.hardware.get("precision", point.params["precision"])
    model = point.model_config().model_copy(update={"precision": recorded})
    training = Training(model, data, point.seed, arrays, device)
    epochs = min(epochs, len(history["epoch"]))
    compute_info = describe_device(device) | training.compute_info
    is_same_machine = _is_same_machine(record.hardware, compute_info)
    for epoch in range(epochs):
        try:
            training.run_epoch()
        except DivergedError as error:
            largest = (math.inf, str(error))
            return Comparison(
                record,
                DIFFERENT,
                epoch,
                largest,
                "",
                is_same_machine,
                compute_info,
            )
    differences = compute_differences(training.history, history)
    if not differences:
        return Comparison(
            record,
            UNCOMPARED,
            reason="its history.csv has none of today's columns",
        )
    name, difference = max(differences.items(), key=lambda item: item[1])
    share = difference.relative
    if math.isinf(share):
        name = f"{name} is defined in one training only"
    flipped = MAX_FLIPPED_EXAMPLES / len(arrays.split["validation"])
    outcome = judge_differences(
        differences, TOLERANCES[training.precision], flipped
    )
    largest_or_none = (share, name) if share else None
    return Comparison(
        record,
        outcome,
        epochs,
        largest_or_none,
        "",
        is_same_machine,
        compute_info,
    )


def _find_contradiction(
    record: Record, history: Mapping[str, np.ndarray]
) -> str | None:
    """Return a column whose last number differs from the record's; None if none does."""
    for name, value in record.metrics.items():
        if name not in history or not len(history[name]):
            continue
        if compute_difference(float(history[name][-1]), value).relative:
            return name
    return None


def _is_same_machine(
    recorded: Mapping[str, Any], compute_info: Mapping[str, Any]
) -> bool:
    """Return whether a record's hardware is this processor and this way of computing."""
    here = {"processor": get_hardware()["processor"], **compute_info}
    return all(recorded.get(name) == value for name, value in here.items())
