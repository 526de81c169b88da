"""The test of a trained point, once more: with its own data, or with other digits."""

from __future__ import annotations

import json
import logging
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gensweep.core.dataset import select_training_rows
from gensweep.core.errors import ResultsError
from gensweep.core.keep import CHECKPOINT_TOO
from gensweep.inspect.trained import TrainedPoint
from gensweep.ledger.claims import Claim, Process
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.records import Record
from gensweep.prepare.fingerprint import label_pinned
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.system.storage import Content
from gensweep.train.artifacts import write_artifacts
from gensweep.train.glyphs import count_seen

log = logging.getLogger(__name__)
TOLERANCE = 1e-4
"""Largest difference of a metric from the record's, relative or absolute.

Another machine may compute it.
"""


def evaluate(trained: TrainedPoint, digits: str | None) -> dict[str, Any]:
    """Test a point again.

    With its own data, the record gets metrics that it lacks, and the point gets files that an
    earlier version did not write. With other digits, the numbers go to `evaluations/` in the
    point's folder, with a count of the pictures that were trained on.

    Args:
        trained: the point.
        digits: other digits, if it was loaded with them.

    Raises:
        ResultsError: a metric differs from the record's, or the point was trained or tested by
            others meanwhile.
        ClaimedError: somebody trains the point now.
    """
    record = trained.stored.record
    params = trained.point.params
    metrics = trained.training.test()
    result = {
        "point": record.id,
        "digits": label_pinned(params["digits"])
        if "digits" in params
        else None,
        "metrics": metrics,
        "evaluated": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if digits is not None:
        result["pictures"] = _count_seen(trained)
        return result | {"written": _write_evaluation(trained, result)}
    try:
        added = _complete_record(trained, metrics)
    except OSError as error:
        log.warning(
            "nothing is added to the record of %s: %s", record.id, error
        )
        added = set()
    return result | {"added": sorted(added)}


def to_json(result: dict[str, Any]) -> str:
    """Return what `evaluate` returned, as it is printed."""
    return json.dumps(result, indent=1, allow_nan=False)


# --- other digits


def _count_seen(trained: TrainedPoint) -> dict[str, dict[str, int]]:
    """Count the pictures of the test that the point was trained on, and warn about digits."""
    fraction = trained.stored.record.params["train_fraction"]
    rows = select_training_rows(trained.trained_data.split, fraction)
    inputs = trained.training.model.inputs
    seen = count_seen(trained.data, trained.trained_data, rows, inputs)
    digits = seen["digits"]
    if digits["trained_on"]:
        log.warning(
            "%s of the %s pictures of digits in this test were trained on: "
            "it is not a test with unseen digits",
            f"{digits['trained_on']:,}",
            f"{digits['shown']:,}",
        )
    return seen


def _write_evaluation(
    trained: TrainedPoint, result: dict[str, Any]
) -> str | None:
    """Write a result beside the record; return its URI, or None if it cannot be written."""
    store = trained.stored.store
    digits = re.sub(r"[^A-Za-z0-9._-]", "_", trained.point.params["digits"])
    name = f"{POINTS}/{trained.stored.record.id}/evaluations/{digits}.json"
    try:
        store.write_json(name, result)
    except OSError as error:
        # The root may be read-only; the printed numbers are complete anyway.
        log.warning(
            "the numbers are printed, but cannot be written: %s", error
        )
        return None
    return store.uri(name)


# --- the record


def _complete_record(
    trained: TrainedPoint, metrics: dict[str, float]
) -> set[str]:
    """Add metrics and files that the point lacks; return the names of the metrics.

    Raises:
        ResultsError: another metric differs from the record's, or the record was replaced during
            the test; nothing was changed.
    """
    record = trained.stored.record
    ledger = Ledger(trained.stored.store)
    for name in metrics.keys() & record.metrics.keys():
        _check_equal(record, name, metrics[name])
    added = metrics.keys() - record.metrics.keys()
    with ledger.claim(record.id, Process.get_current()) as claim:
        # A test takes a while, and somebody may have trained or tested the point meanwhile.
        if ledger.read_record(record.id) != record:
            raise ResultsError(
                f"{record.id} was trained or tested again meanwhile; nothing was changed: "
                "repeat the command"
            )

        def write(name: str, content: Content) -> None:
            _write_if_absent(ledger, claim, record.id, name, content)

        write_artifacts(trained.training, write)
        if added:
            new_metrics = {name: metrics[name] for name in added}
            updated = _add_metrics(record, new_metrics)
            updated = replace(updated, examples=trained.training.counts)
            # A test has nothing to clean up: what the training left may serve more epochs.
            ledger.finish(claim, updated, CHECKPOINT_TOO)
    return set(added)


def _check_equal(record: Record, name: str, value: float) -> None:
    recorded = record.metrics[name]
    if not math.isclose(
        value, recorded, rel_tol=TOLERANCE, abs_tol=TOLERANCE
    ):
        raise ResultsError(
            f"{record.id}: {name} is {value:.6g} now, {recorded:.6g} in the record: "
            "other data, weights or libraries; nothing was changed"
        )


def _add_metrics(record: Record, metrics: dict[str, float]) -> Record:
    """Return the record with more metrics, and with the code that computed them.

    The code is added only if the record names any code.
    """
    code = record.code
    today = compute_fingerprint(record.model, record.params["dataset"])
    if code is not None and today is not None:
        names = {name.removeprefix("test/") for name in metrics}
        digests = {
            name: today["metrics"][name]
            for name in names & today["metrics"].keys()
        }
        code = code | {"metrics": code.get("metrics", {}) | digests}
    return replace(record, metrics=record.metrics | metrics, code=code)


def _write_if_absent(
    ledger: Ledger, claim: Claim, point_id: str, name: str, content: Content
) -> None:
    if not ledger.store.exists(f"{POINTS}/{point_id}/{name}"):
        ledger.write_file(claim, point_id, name, content)
