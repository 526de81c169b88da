"""Write sweep.json when a run starts; `gensweep.ledger.manifest` has its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from gensweep.core.config import Data, DataSource
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.core.errors import ResultsError, StoreError
from gensweep.core.registries import METRICS, MODELS, get_dataset_class
from gensweep.ledger.manifest import SWEEP, MetricInfo, SweepFile
from gensweep.ledger.records import SCHEMA
from gensweep.ledger.stores import Store
from gensweep.prepare.fingerprint import find_paths, get_survey
from gensweep.sweep.point import Point
from gensweep.sweep.questions import write_question
from gensweep.sweep.spec import Sweep
from gensweep.system.environment import get_hardware, get_versions
from gensweep.system.storage import parse_json
from gensweep.system.terminal import split_command_line
from gensweep.system.text import pluralize

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
    """Return what the sweep says of its statistics; only what it does say."""
    values: dict[str, Any] = {}
    if sweep.questions is not None:
        values["questions"] = [
            write_question(question) for question in sweep.questions
        ]
    if sweep.margin:
        values["margin"] = sweep.margin
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
                "params": point.params,
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
        name: described[name] for name in dict.fromkeys([*built_in, *described])
    }


def describe_data(
    points: Iterable[Point], prepared: Mapping[str, DatasetArrays]
) -> dict[str, dict[str, Any]]:
    """Return the `data` of sweep.json: how many examples there are, and how many are left out.

    Args:
        points: points of any model.
        prepared: their arrays by `Point.data_key`; data without arrays is not described.
    """
    described: dict[str, dict[str, Any]] = {}
    sizes: dict[str, set[int]] = {}
    for point in points:
        key = point.data_key
        arrays = prepared.get(key)
        if arrays is None:
            continue
        data = point.data_config()
        training = select_training_rows(arrays.split, data.train_fraction)
        sizes.setdefault(key, set()).add(len(training))
        if key not in described:
            described[key] = _describe_dataset(
                point.params["dataset"], data, arrays
            )
    for key, about in described.items():
        about["training"] = sorted(sizes[key])
    return described


def _describe_dataset(
    name: str, data: DataSource, arrays: DatasetArrays
) -> dict[str, Any]:
    """Return one entry of `data`, without the sizes of training."""
    counts = {
        count: arrays.counts.get(count, 0) for count in ("copies", "left_out")
    }
    survey_of_files = get_survey(name)
    if survey_of_files is not None:
        counts["copies"] += survey_of_files.readable - survey_of_files.different
        counts["left_out"] += len(survey_of_files.unread)
    defaults = type(data).model_fields
    values = data.model_dump(exclude={"train_fraction", "dataset"})
    changed = {
        key: value
        for key, value in values.items()
        if value != defaults[key].default
    }
    about = {
        "dataset": name,
        "params": changed,
        "examples": len(arrays),
        "validation": len(arrays.split["validation"]),
        "test": len(arrays.split["test"]),
        "notes": [*arrays.notes, *data.list_remarks()],
    }
    return about | counts


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
    earlier = _read_earlier(store, sweep)
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


def _read_earlier(store: Store, sweep: Sweep) -> dict[str, Any]:
    """Return the current sweep.json; an empty dict if there is none, or it is damaged."""
    try:
        values = parse_json(store.read(f"{sweep.name}/{SWEEP}"))
    except StoreError as error:
        raise ResultsError(str(error)) from error
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def describe_replaced_points(store: Store, sweep: Sweep, command: str) -> str:
    """Return a note about points that leave the sweep's tables with this run; empty if none does.

    A sweep may grow, shrink and change: points that it no longer contains keep their records.

    Raises:
        ResultsError: the folder belongs to another file's sweep of this name, which has no point
            in common with this one.
    """
    earlier = _read_earlier(store, sweep)
    try:
        earlier_ids: set[str] = set()
        for cell in earlier["cells"]:
            earlier_ids.update(
                str(point_id) for point_id in cell["points"].values()
            )
    except (LookupError, TypeError, AttributeError):
        return ""
    ids = {point.id for point in sweep.points()}
    dropped = earlier_ids - ids
    if not dropped:
        return ""
    count = pluralize(len(earlier_ids), "point")
    other_file = _find_sweep_file(str(earlier.get("command")))
    file = _find_sweep_file(command)
    if (
        dropped == earlier_ids
        and other_file
        and file
        and other_file.name != file.name
    ):
        raise ResultsError(
            f"{store.uri(sweep.name)} holds another sweep of the name {sweep.name!r}, of "
            f"{other_file}: none of its {count} is a point of {file}. Its tables and figures "
            f"would be replaced. Change the name in {file}, or use another --results; or remove "
            f"{store.uri(f'{sweep.name}/{SWEEP}')} to replace them"
        )
    them = "it" if len(dropped) == 1 else "them"
    return (
        f"Of {count} of the earlier {sweep.name}, {len(dropped)} will not be in its tables and "
        f"figures any more, because this sweep does not contain {them}. All records stay in "
        f"{store.uri('points')}; a sweep that contains such a point again does not retrain it."
    )


def _find_sweep_file(command: str) -> Path | None:
    """Return the sweep file that a command line names, if it names one."""
    try:
        words = split_command_line(command)
    except ValueError:
        return None
    return next((Path(word) for word in words if word.endswith(".py")), None)


def _data_of(values: dict[str, Any]) -> dict[str, Any]:
    data = values.get("data")
    return data if isinstance(data, dict) else {}
