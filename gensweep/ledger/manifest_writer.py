"""Write sweep.json when a run starts; `gensweep.ledger.manifest` has its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from gensweep.core.data_source import Data
from gensweep.core.errors import ResultsError, StoreError
from gensweep.core.registries import METRICS, MODELS, get_dataset_class
from gensweep.ledger.manifest import SWEEP, MetricInfo, SweepFile
from gensweep.ledger.records import SCHEMA
from gensweep.ledger.stores import Store
from gensweep.prepare.fingerprint import find_paths
from gensweep.sweep.questions import write_question
from gensweep.sweep.spec import Sweep
from gensweep.system.environment import get_hardware, get_versions
from gensweep.system.storage import parse_json

_FIELDS_OF_THE_RUN = (
    "command",
    "places",
    "commit",
    "versions",
    "hardware",
    "created",
)
"""Fields that may differ between two runs of the same sweep."""


def build_sweep_json(sweep: Sweep, command: str) -> dict[str, Any]:
    """Return the content of sweep.json: cells, points, metrics, and where the sweep ran."""
    cells = _collect_cells(sweep)
    models = {cell["model"] for cell in cells}
    datasets = [cell["params"]["dataset"] for cell in cells]
    parameter_values = (
        value for cell in cells for value in cell["params"].values()
    )
    grids = [{"model": grid.model, "axes": grid.axes} for grid in sweep.grids]
    for search in sweep.searches:
        axes = {
            key: list(one.list_extremes())
            for key, one in search.space.dimensions.items()
        }
        grids.append({"model": search.model, "axes": axes})
    versions = get_versions()
    values = {
        "schema": SCHEMA,
        "name": sweep.name,
        "seeds": sweep.seeds,
        "tables": sweep.tables,
        "figures": sweep.figures,
        "objective": sweep.objective,
        "grids": grids,
        "cells": cells,
        "of_dataset": list_dataset_parameters(datasets),
        "places": find_paths(parameter_values),
        "metrics": _describe_metrics(models),
        "command": command,
        "commit": versions["commit"],
        "versions": versions,
        "hardware": get_hardware(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    values |= _describe_statistics(sweep)
    if sweep.plugins:
        values["plugins"] = [
            {"file": plugin.label, "sha": plugin.key}
            for plugin in sweep.plugins
        ]
    return SweepFile.model_validate(values).model_dump(exclude_unset=True)


def _describe_statistics(sweep: Sweep) -> dict[str, Any]:
    """Return what the sweep says of its statistics and tables; only what it does say."""
    values: dict[str, Any] = {}
    if sweep.questions is not None:
        values["questions"] = [
            write_question(question) for question in sweep.questions
        ]
    if sweep.table_choices:
        values["table_choices"] = {
            name: {"metrics": list(choice.metrics), "labels": choice.labels}
            for name, choice in sweep.table_choices.items()
        }
    if sweep.margin:
        values["margin"] = sweep.margin
    if sweep.vary:
        values["vary"] = sweep.vary
    if sweep.reference:
        values["reference"] = [row.to_dict() for row in sweep.reference]
    return values


def _collect_cells(sweep: Sweep) -> list[dict[str, Any]]:
    """Return the cells of a sweep, each with the ids of its points by seed."""
    cells: dict[str, dict[str, Any]] = {}
    for point in sweep.points():
        if point.cell not in cells:
            cells[point.cell] = {
                "id": point.cell,
                "model": point.model,
                "params": point.cell_params,
                "points": {},
            }
        cells[point.cell]["points"][str(point.seed)] = point.id
        if point.id in sweep.selection_ids:
            cells[point.cell].setdefault("selection_seeds", []).append(
                point.seed
            )
    return list(cells.values())


def list_dataset_parameters(names: Iterable[str]) -> list[str]:
    """Return the parameters of these datasets that not every dataset has, sorted."""
    parameters: set[str] = set()
    for name in set(names):
        parameters.update(get_dataset_class(name).model_fields)
    return sorted(parameters - Data.model_fields.keys() - {"dataset"})


def _describe_metrics(models: set[str]) -> dict[str, MetricInfo]:
    described: dict[str, MetricInfo] = {}
    for model in sorted(models):
        for metric in MODELS[model].list_metrics():
            info = MetricInfo(
                unit=metric.unit,
                # The declaration has checked the word.
                direction=cast(Any, metric.direction),
                doc=metric.doc,
                models=[],
                range=metric.range,
                roles=sorted(metric.roles),
                main_rank=metric.main_rank,
                min_examples=metric.min_examples,
            )
            described.setdefault(metric.name, info).models.append(model)
    # Built-in metrics are in the order of their names, those of a task as it declares them.
    built_in = sorted(described.keys() & METRICS)
    return {
        name: described[name]
        for name in dict.fromkeys([*built_in, *described])
    }


def write_sweep_json(
    store: Store,
    sweep: Sweep,
    command: str,
    data: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Write ``ROOT/<sweep>/sweep.json``.

    A file with the same content stays as it is. The file of a newer gensweep is never replaced.

    Args:
        store: the results root.
        sweep: the sweep.
        command: the command line.
        data: as `describe_data` returns it; entries of an earlier run about other data of the
            sweep are kept.

    Raises:
        ResultsError: a newer gensweep wrote the folder, or it cannot be written.
    """
    earlier = read_earlier_sweep(store, sweep)
    _check_replaceable(store, sweep, earlier)
    # In the form in which it is read again, so that it can be compared with the earlier one.
    wanted = json.loads(json.dumps(build_sweep_json(sweep, command)))
    new_data = json.loads(json.dumps(data or {}))
    described = _data_of(earlier) | new_data
    if described:
        keys = {point.data_key for point in sweep.points()}
        wanted["data"] = {
            key: about for key, about in described.items() if key in keys
        }
    # A file that differs only in fields of the run stays: a rewrite would change its date.
    fields_of_the_run = {key: wanted[key] for key in _FIELDS_OF_THE_RUN}
    if earlier | fields_of_the_run == wanted:
        return
    try:
        store.write_json(f"{sweep.name}/{SWEEP}", wanted)
    except OSError as error:
        reason = error.strerror or error
        raise ResultsError(
            f"{store.uri(sweep.name)} cannot be written: {reason}"
        ) from error


def _check_replaceable(
    store: Store, sweep: Sweep, earlier: dict[str, Any]
) -> None:
    schema = earlier.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        path = store.uri(f"{sweep.name}/{SWEEP}")
        raise ResultsError(
            f"{path}: schema {schema}, gensweep knows up to {SCHEMA}: upgrade, or use another "
            "folder"
        )
    other = earlier.get("name")
    name = sweep.name
    if (
        isinstance(other, str)
        and other != name
        and other.lower() == name.lower()
    ):
        raise ResultsError(
            f"{store.uri(sweep.name)} is the folder of the sweep {other!r}: this file system "
            "does not distinguish the two names; rename the sweep"
        )


def read_earlier_sweep(store: Store, sweep: Sweep) -> dict[str, Any]:
    """Return the current sweep.json; an empty dict if there is none, or it is damaged."""
    try:
        values = parse_json(store.read(f"{sweep.name}/{SWEEP}"))
    except StoreError as error:
        raise ResultsError(str(error)) from error
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _data_of(values: dict[str, Any]) -> dict[str, Any]:
    data = values.get("data")
    return data if isinstance(data, dict) else {}
