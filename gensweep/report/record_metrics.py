"""The metrics in records: which of them ranks cells, which values are missing, and why."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from gensweep.core.dataset import TEST_SHARE
from gensweep.core.own_data import OWN_DATA
from gensweep.core.registry import list_active_layers
from gensweep.core.soundness import (
    ATTRIBUTE_READER_METRIC,
    READER_METRIC,
    TEST_SPLIT,
    explain_unsound,
    get_current_name,
)
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store

if TYPE_CHECKING:
    from gensweep.ledger.manifest import MetricInfo, SweepFile

T = TypeVar("T")
VALIDATION = "validation/"
TEST_PREFIX = "test/"
READER_ACCURACIES = (
    f"{TEST_SPLIT}/{READER_METRIC}",
    f"{TEST_SPLIT}/{ATTRIBUTE_READER_METRIC}",
)
Basis = tuple[
    tuple[tuple[str, int], ...],
    tuple[tuple[str, float], ...],
    tuple[str, ...],
]
"""Counts of examples, accuracies of readers, and the user's files that declare metrics."""
UNDEFINED = re.compile(r"[Nn]ot defined (?:if|where|without) [^.;]+")
"""The part of a metric's documentation that says when it has no value."""


def rename_to_current(values: Mapping[str, T]) -> dict[str, T]:
    """Return what is known of metrics, by the metrics' current names.

    If a metric has a value under its current name and one under a former name, the first counts.
    """
    renamed = {
        get_current_name(name): value for name, value in values.items()
    }
    current = {
        name: value for name, value in values.items() if name in renamed
    }
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


def filter_sound(record: Record, names: Iterable[str]) -> list[str]:
    """Return those metrics whose value says something about the record's point."""
    return list(_list_sound(tuple(names), _get_basis(record)))


@lru_cache(maxsize=4096)
def _list_sound(names: tuple[str, ...], basis: Basis) -> tuple[str, ...]:
    return tuple(
        name for name in names if _explain_unsound(name, basis) is None
    )


def _get_basis(record: Record) -> Basis:
    """Return what decides which metrics of a record mean something: of most records, the same."""
    accuracies = []
    for name in READER_ACCURACIES:
        value = record.metrics.get(name)
        if value is not None:
            accuracies.append((name, value))
    counts = tuple(record.examples.items())
    return counts, tuple(accuracies), list_active_layers()


@lru_cache(maxsize=65536)
def _explain_unsound(name: str, basis: Basis) -> str | None:
    """Return why a metric of a point means nothing; None if it is sound."""
    counts, accuracies, _ = basis
    bare = name.removeprefix(VALIDATION)
    return explain_unsound(bare, dict(counts), dict(accuracies))


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
            name
            for name, info in metrics.items()
            if cell.model in info.models
        ]
        for point in cell.points.values():
            record = records.get(point)
            if record is None or record.status != Status.OK:
                continue
            values = validated.get(point, {})
            basis = _get_basis(record)
            for name in names:
                reason = _explain_missing_value(
                    name, metrics[name], record, basis, values
                )
                if reason is None:
                    continue
                listed = reasons.setdefault(cell.id, {}).setdefault(name, [])
                if reason not in listed:
                    listed.append(reason)
    return reasons


def _explain_missing_value(
    name: str,
    info: MetricInfo,
    record: Record,
    basis: Basis,
    validated: Mapping[str, float],
) -> str | None:
    """Return why a point has no value of a metric; None if it has one."""
    reason = _explain_unsound(name, basis)
    if reason is not None:
        return reason
    if not name.startswith(VALIDATION):
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
