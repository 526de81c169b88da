"""The metrics in records: which of them ranks cells, which values are missing, and why."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from gensweep.core.dataset import TEST_SHARE
from gensweep.core.errors import ResultsError, describe_unknown
from gensweep.core.own_data import OWN_DATA
from gensweep.core.soundness import (
    TEST_SPLIT,
    explain_unsound,
    get_current_name,
)
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store

if TYPE_CHECKING:
    from gensweep.ledger.manifest import CellInfo, MetricInfo, SweepFile

T = TypeVar("T")
VALIDATION = "validation/"
TEST_PREFIX = "test/"
UNDEFINED = re.compile(r"[Nn]ot defined (?:if|where|without) [^.;]+")
"""The part of a metric's documentation that says when it has no value."""


def rename_to_current(values: Mapping[str, T]) -> dict[str, T]:
    """Return what is known of metrics, by the metrics' current names.

    If a metric has a value under its current name and one under a former name, the first counts.
    """
    renamed = {get_current_name(name): value for name, value in values.items()}
    current = {name: value for name, value in values.items() if name in renamed}
    return renamed | current


def upgrade_record(record: Record) -> Record:
    """Return a record of a former version as this version would write it, as far as known."""
    examples = record.examples
    count = record.params.get("count")
    # Drawn pictures: every version tests the same number of them.
    is_drawn = record.params.get("dataset") != OWN_DATA
    if not examples and type(count) is int and is_drawn:
        examples = {TEST_SPLIT: round(count * TEST_SHARE)}
    return replace(
        record, metrics=rename_to_current(record.metrics), examples=examples
    )


def load_validation_values(
    store: Store, records: Mapping[str, Record]
) -> dict[str, dict[str, float]]:
    """Return the sound validation values of each ok point after its last epoch.

    Records of former versions do not have them: for these, history.csv is read.

    Args:
        store: the results root.
        records: records by point id.

    Returns:
        Point id -> metric, which begins with `validation/` -> value.
    """
    values: dict[str, dict[str, float]] = {}
    points_without = []
    for point, record in records.items():
        if record.status != Status.OK:
            continue
        values[point] = {
            name: value
            for name, value in record.metrics.items()
            if name.startswith(VALIDATION)
        }
        if not values[point]:
            points_without.append(point)
    # All histories at once: on a remote store, one after another would take long.
    contents = store.read_all(
        [f"{POINTS}/{point}/history.csv" for point in points_without]
    )
    for point, content in zip(points_without, contents, strict=True):
        if isinstance(content, bytes):
            values[point] = _parse_last_validation(
                content, records[point].epochs
            )
    return {
        point: {
            name: known[name] for name in filter_sound(records[point], known)
        }
        for point, known in values.items()
    }


def _parse_last_validation(history: bytes, epochs: int) -> dict[str, float]:
    """Return the validation values in the last line of a history.csv.

    They are empty if that line is damaged or not of the last epoch.
    """
    try:
        lines = history.decode().splitlines()
        numbers = map(float, lines[-1].split(","))
        line = dict(zip(lines[0].split(","), numbers, strict=True))
    except (ValueError, IndexError):
        return {}
    if line.get("epoch") != epochs:
        return {}
    return {
        name: value
        for name, value in line.items()
        if name.startswith(VALIDATION) and math.isfinite(value)
    }


def list_main_metrics(
    metrics: Mapping[str, MetricInfo], objective: str | None = None
) -> list[str]:
    """Return the metrics that can stand for a model, the preferred ones first.

    Args:
        metrics: the metrics by name; those with a rank of their own count.
        objective: the sweep's, which comes before the others.
    """
    ranked = [
        (info.main_rank, name)
        for name, info in metrics.items()
        if info.main_rank is not None
    ]
    names = [name for _, name in sorted(ranked)]
    if objective:
        names.insert(0, objective.removeprefix(VALIDATION))
    return list(dict.fromkeys(names))


def choose_objectives(
    sweep: SweepFile,
    metrics: Mapping[str, MetricInfo],
    validated: Mapping[str, Mapping[str, float]],
) -> dict[str, str | None]:
    """Return for each model the validation metric by which its cells are ranked.

    It is the first preferred metric with a validation value. If no metric has one, it is the
    first preferred metric that the model has; None if it has none.

    Args:
        sweep: the sweep.
        metrics: the metrics by name.
        validated: point id -> validation metric -> value.

    Raises:
        ResultsError: sweep.json names an objective that no model has, or one of which neither
            end is better.
    """
    models = list(dict.fromkeys(cell.model for cell in sweep.cells))
    names_of_model: dict[str, list[str]] = {}
    for model in models:
        names_of_model[model] = [
            name
            for name, info in metrics.items()
            if model in info.models and info.direction != "none"
        ]
    if sweep.objective is not None:
        valid = sorted(
            {
                VALIDATION + name
                for names in names_of_model.values()
                for name in names
            }
        )
        if sweep.objective not in valid:
            file = f"{sweep.name}/sweep.json"
            raise ResultsError(
                describe_unknown("objective", sweep.objective, valid, file)
            )
    preferred = list_main_metrics(metrics, sweep.objective)
    objectives: dict[str, str | None] = {}
    for model in models:
        names = names_of_model[model]
        candidates = [VALIDATION + name for name in preferred if name in names]
        measured = _list_validated_metrics(sweep.cells, model, validated)
        default = next(iter(candidates), None)
        objectives[model] = next(
            (name for name in candidates if name in measured), default
        )
    return objectives


def _list_validated_metrics(
    cells: Iterable[CellInfo],
    model: str,
    validated: Mapping[str, Mapping[str, float]],
) -> set[str]:
    """Return the validation metrics that any point of a model has a value of."""
    names: set[str] = set()
    for cell in cells:
        if cell.model == model:
            for point in cell.points.values():
                names.update(validated.get(point, ()))
    return names


def describe_objectives(
    objectives: Mapping[str, str | None], metrics: Mapping[str, MetricInfo]
) -> dict[str, MetricInfo]:
    """Return unit, direction and documentation of each objective, with the models that it ranks."""
    described: dict[str, MetricInfo] = {}
    for model, objective in objectives.items():
        if objective is None:
            continue
        info = metrics[objective.removeprefix(VALIDATION)]
        models = [model]
        if objective in described:
            models = [*described[objective].models, model]
        doc = f"On the validation set after the last epoch. {info.doc}"
        described[objective] = info.model_copy(
            update={"models": models, "doc": doc}
        )
    return described


def filter_sound(record: Record, names: Iterable[str]) -> list[str]:
    """Return those metrics whose value says something about the record's point."""
    sound = []
    for name in names:
        bare = name.removeprefix(VALIDATION)
        if explain_unsound(bare, record.examples, record.metrics) is None:
            sound.append(name)
    return sound


def explain_missing_values(
    sweep: SweepFile,
    records: Mapping[str, Record],
    metrics: Mapping[str, MetricInfo],
    validated: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, list[str]]]:
    """Return why ok points have no value of a metric.

    Args:
        sweep: the sweep.
        records: records by point id.
        metrics: metrics of the test set, and objectives, by name.
        validated: point id -> validation metric -> value.

    Returns:
        Cell id -> metric -> reasons, each once.
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    for cell in sweep.cells:
        names = [
            name for name, info in metrics.items() if cell.model in info.models
        ]
        for point in cell.points.values():
            record = records.get(point)
            if record is None or record.status != Status.OK:
                continue
            values = validated.get(point, {})
            for name in names:
                reason = _explain_missing_value(
                    name, metrics[name], record, values
                )
                if reason is None:
                    continue
                listed = reasons.setdefault(cell.id, {}).setdefault(name, [])
                if reason not in listed:
                    listed.append(reason)
    return reasons


def _explain_missing_value(
    name: str, info: MetricInfo, record: Record, validated: Mapping[str, float]
) -> str | None:
    """Return why a point has no value of a metric; None if it has one."""
    bare = name.removeprefix(VALIDATION)
    reason = explain_unsound(bare, record.examples, record.metrics)
    if reason is not None:
        return reason
    if name == bare:
        return (
            None
            if TEST_PREFIX + name in record.metrics
            else _explain_absence(info)
        )
    if name not in validated:
        return "neither the record nor the last line of history.csv has it"
    return None


def _explain_absence(info: MetricInfo) -> str:
    """Return why a record may lack a value although the metric is sound for its point."""
    older = "the record was written before the metric existed"
    undefined = UNDEFINED.search(info.doc)
    return f"{undefined[0].lower()}, or {older}" if undefined else older


def collect_example_counts(
    sweep: SweepFile, records: Mapping[str, Record]
) -> dict[str, dict[str, int]]:
    """Return for each cell the example counts of its first record that has any."""
    counts_of_cell: dict[str, dict[str, int]] = {}
    for cell in sweep.cells:
        for point in cell.points.values():
            if point in records and records[point].examples:
                counts_of_cell[cell.id] = records[point].examples
                break
    return counts_of_cell
