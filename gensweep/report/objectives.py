"""The metric that stands for a model, and the validation metric that ranks its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gensweep.core.errors import ResultsError, describe_unknown
from gensweep.report.record_metrics import VALIDATION

if TYPE_CHECKING:
    from gensweep.ledger.manifest import CellInfo, MetricInfo, SweepFile


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
        candidates = [
            VALIDATION + name for name in preferred if name in names
        ]
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
