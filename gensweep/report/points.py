"""The table of a sweep's points, and the metrics that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import METRICS
from gensweep.core.roles import Role
from gensweep.core.soundness import FORMER_DOCS, MIN_PICTURES
from gensweep.ledger.manifest import MetricInfo, SweepFile
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.record_metrics import (
    TEST_PREFIX,
    filter_sound,
    rename_to_current,
)
from gensweep.sweep.code_fingerprint import compare

if TYPE_CHECKING:
    import pandas as pd


def collect_metrics(
    sweep: SweepFile, records: Mapping[str, Record]
) -> dict[str, MetricInfo]:
    """Return the declared metrics, then those that only records have, under their current names."""
    declared = rename_to_current(sweep.metrics)
    metrics = dict(declared)
    for record in records.values():
        for key in record.metrics:
            name = key.removeprefix(TEST_PREFIX)
            if name not in declared and key.startswith(TEST_PREFIX):
                undeclared = MetricInfo(
                    models=[], doc="not declared in sweep.json"
                )
                info = metrics.setdefault(name, undeclared)
                if record.model not in info.models:
                    info.models.append(record.model)
    for name in FORMER_DOCS.keys() & metrics.keys():
        metrics[name] = metrics[name].model_copy(
            update={"doc": FORMER_DOCS[name]}
        )
    order = [*declared, *sorted(metrics.keys() - declared.keys())]
    return {name: _add_registered(name, metrics[name]) for name in order}


def _add_registered(name: str, info: MetricInfo) -> MetricInfo:
    """Return a metric with the range and the roles that the registry declares today.

    Files of earlier versions lack them. A metric that this gensweep does not have keeps those of
    sweep.json.
    """
    if name in METRICS:
        metric = METRICS[name]
        declared = {
            "range": metric.range,
            "roles": sorted(metric.roles),
            "main_rank": metric.main_rank,
            "min_examples": metric.min_examples,
        }
        return info.model_copy(update=declared)
    if name in MIN_PICTURES and not info.roles and info.direction != "none":
        # In the features of a network that is not selected here. A spread has no direction, and no
        # role either.
        return info.model_copy(update={"roles": [Role.GENERATED.value]})
    return info


def build_point_frame(
    sweep: SweepFile,
    records: Mapping[str, Record],
    unreadable: Mapping[str, str],
    metrics: Mapping[str, MetricInfo],
    validation: Mapping[str, MetricInfo],
    validated: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return one row for each point, as `gensweep.report.results.Results.points`.

    Args:
        sweep: the sweep.
        records: records by point id; a point without one is missing.
        unreadable: why records cannot be trusted, by point id.
        metrics: metrics of the test set, by name.
        validation: objectives, by name.
        validated: values of the objectives by point id.
    """
    import pandas as pd

    rows = []
    for cell in sweep.cells:
        for seed, point in cell.points.items():
            row: dict[str, Any] = {
                "id": point,
                "cell": cell.id,
                "model": cell.model,
                "seed": seed,
            }
            record = records.get(point)
            if record is None:
                row |= {
                    "status": Status.MISSING,
                    "error": unreadable.get(point),
                }
            else:
                row |= {
                    "status": record.status,
                    "error": record.error,
                    "seconds": record.seconds,
                }
                row["code"] = compare(
                    record.code, record.model, record.params["dataset"]
                )
                for name in filter_sound(record, metrics):
                    row[name] = record.metrics.get(TEST_PREFIX + name)
                for name in validation:
                    row[name] = validated.get(point, {}).get(name)
            rows.append(row)
    numbers = ["seconds", *metrics, *validation]
    columns = [
        "id",
        "cell",
        "model",
        "seed",
        "status",
        "error",
        "code",
        *numbers,
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(numbers, float))
