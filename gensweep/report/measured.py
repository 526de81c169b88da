"""What records say beside the test's numbers: what ranks cells, which numbers are missing, and why."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from gensweep.core.dataset import TEST_SHARE
from gensweep.core.errors import ResultsError, describe_unknown
from gensweep.core.soundness import TEST_SPLIT, explain_unsound, get_current_name
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import OK, Record
from gensweep.ledger.stores import Store

if TYPE_CHECKING:
    from gensweep.report.results import MetricInfo, SweepFile

T = TypeVar("T")
MAIN_METRICS = (
    "char_accuracy", "read_exact_match", "read_char_accuracy", "mse", "reconstruction_mse", "sliced_wasserstein",
    "loss",
)  # fmt: skip
"""A model's main metric is the first of these that it has, unless the sweep's objective names another one."""
VALIDATION = "validation/"
TEST_PREFIX = "test/"
_UNDEFINED = re.compile(r"[Nn]ot defined (?:where|without) [^.;]+")
"""Of a metric's documentation, when it has no value."""


def under_names_now(values: Mapping[str, T]) -> dict[str, T]:
    """What is known of metrics, under their names now; a value under a former name gives way to one under the name."""
    renamed = {get_current_name(name): value for name, value in values.items()}
    return renamed | {name: value for name, value in values.items() if name in renamed}


def as_written_now(record: Record) -> Record:
    """The record of a former version, as far as this one can tell what it would write."""
    metrics, examples, count = (
        under_names_now(record.metrics),
        record.examples,
        record.params.get("count"),
    )
    if (
        not examples and type(count) is int
    ):  # pictures that are drawn, of which every version tests as many
        examples = {TEST_SPLIT: round(count * TEST_SHARE)}
    return replace(record, metrics=metrics, examples=examples)


def validated_values(store: Store, records: Mapping[str, Record]) -> dict[str, dict[str, float]]:
    """Each ok point's validation values after its last epoch, as far as they are sound; names begin `validation/`.

    Records of former versions do not hold them: the last line of history.csv does. No other history is read.
    """
    found: dict[str, dict[str, float]] = {}
    silent = []
    for point, record in records.items():
        if record.status == OK:
            found[point] = {
                name: value for name, value in record.metrics.items() if name.startswith(VALIDATION)
            }
            silent += [] if found[point] else [point]
    names = [f"{POINTS}/{point}/history.csv" for point in silent]
    for point, content in zip(silent, store.read_all(names), strict=True):
        if isinstance(content, bytes):
            found[point] = _last_validation(content, records[point].epochs)
    return {
        point: {name: found[point][name] for name in sound_names(records[point], found[point])}
        for point in found
    }


def _last_validation(history: bytes, epochs: int) -> dict[str, float]:
    """The validation values in the last line of a history.csv; nothing where that is not the last epoch's."""
    try:
        lines = history.decode().splitlines()
        line = dict(zip(lines[0].split(","), map(float, lines[-1].split(",")), strict=True))
    except (ValueError, IndexError):
        return {}
    if line.get("epoch") != epochs:
        return {}
    return {
        name: value
        for name, value in line.items()
        if name.startswith(VALIDATION) and math.isfinite(value)
    }


def preferred(sweep: SweepFile) -> tuple[str, ...]:
    """The main metrics, what the sweep's objective names before the others."""
    return (*([sweep.objective.removeprefix(VALIDATION)] if sweep.objective else []), *MAIN_METRICS)


def objectives_of(
    sweep: SweepFile,
    metrics: Mapping[str, MetricInfo],
    validated: Mapping[str, Mapping[str, float]],
) -> dict[str, str | None]:
    """For each model the objective: the first of the preferred ones that is validated, or that the model has.

    Raises:
        ResultsError: no model has what sweep.json names, or neither end of it is better.
    """
    models = list(dict.fromkeys(cell.model for cell in sweep.cells))
    having = {
        model: [
            name
            for name in metrics
            if model in metrics[name].models and metrics[name].direction != "none"
        ]
        for model in models
    }
    if sweep.objective is not None:
        valid = sorted({VALIDATION + name for names in having.values() for name in names})
        if sweep.objective not in valid:
            raise ResultsError(
                describe_unknown("objective", sweep.objective, valid, f"{sweep.name}/sweep.json")
            )
    found: dict[str, str | None] = {}
    for model in models:
        points = [
            point for cell in sweep.cells if cell.model == model for point in cell.points.values()
        ]
        wanted = [VALIDATION + name for name in preferred(sweep) if name in having[model]]
        known = {name for point in points for name in validated.get(point, ())}
        found[model] = next((name for name in wanted if name in known), next(iter(wanted), None))
    return found


def describe(
    objectives: Mapping[str, str | None], metrics: Mapping[str, MetricInfo]
) -> dict[str, MetricInfo]:
    """Return unit, direction and documentation of each objective, with the models that it ranks."""
    found: dict[str, MetricInfo] = {}
    for model, objective in objectives.items():
        if objective is not None:
            info = metrics[objective.removeprefix(VALIDATION)]
            models = [*(found[objective].models if objective in found else []), model]
            doc = f"On the validation set after the last epoch. {info.doc}"
            found[objective] = info.model_copy(update={"models": models, "doc": doc})
    return found


def sound_names(record: Record, names: Iterable[str]) -> list[str]:
    """Those of these metrics that say something of the record's point."""
    return [
        name
        for name in names
        if explain_unsound(name.removeprefix(VALIDATION), record.examples, record.metrics) is None
    ]


def unmeasured_values(
    sweep: SweepFile,
    records: Mapping[str, Record],
    metrics: Mapping[str, MetricInfo],
    validated: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, list[str]]]:
    """For each cell and metric, why ok points have no value: every reason once."""
    found: dict[str, dict[str, list[str]]] = {}
    for cell in sweep.cells:
        names = [name for name, info in metrics.items() if cell.model in info.models]
        for point in cell.points.values():
            record = records.get(point)
            if record is None or record.status != OK:
                continue
            for name in names:
                bare = name.removeprefix(VALIDATION)
                reason = explain_unsound(bare, record.examples, record.metrics)
                if reason is None and name == bare and TEST_PREFIX + name not in record.metrics:
                    reason = _why_absent(metrics[name])
                if reason is None and name != bare and name not in validated.get(point, {}):
                    reason = "neither the record nor the last line of history.csv has it"
                if reason is not None and reason not in (
                    reasons := found.setdefault(cell.id, {}).setdefault(name, [])
                ):
                    reasons.append(reason)
    return found


def _why_absent(info: MetricInfo) -> str:
    """Why a record holds no value that nothing forbids."""
    older = "the record was written before the metric existed"
    undefined = _UNDEFINED.search(info.doc)
    return f"{undefined[0].lower()}, or {older}" if undefined else older


def examples_of(sweep: SweepFile, records: Mapping[str, Record]) -> dict[str, dict[str, int]]:
    """For each cell the counts of its first record that has any."""
    found: dict[str, dict[str, int]] = {}
    for cell in sweep.cells:
        counts = (records[point].examples for point in cell.points.values() if point in records)
        if first := next(filter(None, counts), None):
            found[cell.id] = first
    return found
