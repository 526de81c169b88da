"""What a run writes into sweep.json: `gensweep.ledger.manifest` has its schema."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gensweep.core.config import Data
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.core.errors import ResultsError, Unavailable
from gensweep.core.registries import METRICS, MODELS, get_dataset_class
from gensweep.ledger.manifest import SWEEP, MetricInfo, SweepFile
from gensweep.ledger.records import SCHEMA
from gensweep.ledger.stores import Store
from gensweep.prepare.fingerprint import places, survey
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.environment import hardware, versions
from gensweep.system.storage import parse_json
from gensweep.system.text import counted

_OF_THE_CALL = ("command", "places", "commit", "versions", "hardware", "created")
"""What another call may say of the same sweep."""


def build_sweep_json(sweep: Sweep, command: str) -> dict[str, Any]:
    """What sweep.json holds: every cell and point, each metric's unit and direction, and where this ran."""
    cells: dict[str, dict[str, Any]] = {}
    for point in sweep.points():
        cell = cells.setdefault(
            point.cell,
            {"id": point.cell, "model": point.model, "params": point.params, "points": {}},
        )
        cell["points"][str(point.seed)] = point.id
    models = {cell["model"] for cell in cells.values()}
    values = {
        "schema": SCHEMA,
        "name": sweep.name,
        "seeds": sweep.seeds,
        "tables": sweep.tables,
        "figures": sweep.figures,
        "objective": sweep.objective,
        "grids": [{"model": grid.model, "axes": grid.axes} for grid in sweep.grids],
        "cells": list(cells.values()),
        "of_dataset": list_dataset_parameters(cell["params"]["dataset"] for cell in cells.values()),
        "places": places(value for cell in cells.values() for value in cell["params"].values()),
        "metrics": _metrics(models),
        "command": command,
        "commit": versions()["commit"],
        "versions": versions(),
        "hardware": hardware(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return SweepFile.model_validate(values).model_dump(exclude_unset=True)


def list_dataset_parameters(names: Iterable[str]) -> list[str]:
    """The parameters that some of these datasets have of their own: not every dataset knows them."""
    return sorted(
        {key for name in set(names) for key in get_dataset_class(name).model_fields}
        - Data.model_fields.keys()
        - {"dataset"}
    )


def _metrics(models: set[str]) -> dict[str, MetricInfo]:
    described = {}
    for name, metric in METRICS.items():
        having = sorted(model for model in models if metric.applies(MODELS[model].outputs))
        if having:
            about = {"unit": metric.unit, "direction": metric.direction, "doc": metric.doc}
            described[name] = MetricInfo.model_validate(about | {"models": having})
    return described


def describe_data(
    points: Iterable[Point], ready: Mapping[str, DatasetArrays]
) -> dict[str, dict[str, Any]]:
    """Return what sweep.json says of the data of some points: how many examples, of which sets, and what is left out.

    Args:
        points: of any model.
        ready: their arrays by `Point.data_key`; what is not there is not described.
    """
    described: dict[str, dict[str, Any]] = {}
    sizes: dict[str, set[int]] = {}
    for point in points:
        key, arrays = point.data_key, ready.get(point.data_key)
        if arrays is None:
            continue
        data = point.data_config()
        sizes.setdefault(key, set()).add(
            len(select_training_rows(arrays.split, data.train_fraction))
        )
        if key in described:
            continue
        there = survey(point.params["dataset"])
        counts = {name: arrays.counts.get(name, 0) for name in ("copies", "left_out")}
        if there is not None:
            counts["copies"] += there.readable - there.different
            counts["left_out"] += len(there.unread)
        own = data.model_dump(exclude={"train_fraction", "dataset"})
        described[key] = {
            "dataset": point.params["dataset"],
            "params": {name: value for name, value in own.items() if value != type(data).model_fields[name].default},
            "examples": len(arrays),
            "validation": len(arrays.split["validation"]),
            "test": len(arrays.split["test"]),
            "notes": [*arrays.notes, *data.remarks()],
        } | counts  # fmt: skip
    return {key: about | {"training": sorted(sizes[key])} for key, about in described.items()}


def write_sweep_json(
    store: Store, sweep: Sweep, command: str, data: Mapping[str, dict[str, Any]] | None = None
) -> None:
    """Write ``ROOT/<sweep>/sweep.json``.

    One that wants the same stays as it is; a newer gensweep's is never replaced.

    Args:
        store: the results root.
        sweep: what was asked for.
        command: the command line.
        data: as `describe_data` returns it; what an earlier run wrote of other data of the sweep is kept.

    Raises:
        ResultsError: a newer gensweep wrote the folder, or it cannot be written.
    """
    name, before = f"{sweep.name}/{SWEEP}", _read_before(store, sweep)
    schema = before.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        known = f"schema {schema}, gensweep knows up to {SCHEMA}"
        raise ResultsError(f"{store.uri(name)}: {known}: upgrade, or use another folder")
    other = before.get("name")
    if isinstance(other, str) and other != sweep.name and other.lower() == sweep.name.lower():
        raise ResultsError(
            f"{store.uri(sweep.name)} is the folder of the sweep {other!r}, "
            "since this file system takes both names for one: rename the sweep"
        )
    wanted = json.loads(json.dumps(build_sweep_json(sweep, command)))
    described = _known_data(before) | json.loads(json.dumps(data or {}))
    if described:
        keys = {point.data_key for point in sweep.points()}
        wanted["data"] = {key: about for key, about in described.items() if key in keys}
    if before | {key: wanted[key] for key in _OF_THE_CALL} == wanted:
        return
    try:
        store.write_json(name, wanted)
    except OSError as error:
        raise ResultsError(
            f"{store.uri(sweep.name)} cannot be written: {error.strerror or error}"
        ) from error


def _read_before(store: Store, sweep: Sweep) -> dict[str, Any]:
    """Return the sweep.json that is there; nothing where there is none, or it is damaged."""
    try:
        before = parse_json(store.read(f"{sweep.name}/{SWEEP}"))
    except Unavailable as error:
        raise ResultsError(str(error)) from error
    except (OSError, ValueError):
        return {}
    return before if isinstance(before, dict) else {}


def describe_replaced_points(store: Store, sweep: Sweep, command: str) -> str:
    """Return what the user must know of points that leave the sweep's tables with this run; nothing where none does.

    A sweep may grow, shrink and change: points that it does not want any more keep their records.

    Raises:
        ResultsError: the folder holds another file's sweep of this name, without one point in common.
    """
    before = _read_before(store, sweep)
    try:
        earlier = {str(point) for cell in before["cells"] for point in cell["points"].values()}
    except (LookupError, TypeError, AttributeError):
        return ""
    points = {point.id for point in sweep.points()}
    gone, count = earlier - points, counted(len(earlier), "point")
    there, here = _file_in(str(before.get("command"))), _file_in(command)
    if not gone:
        return ""
    if gone == earlier and there and here and there.name != here.name:
        raise ResultsError(
            f"{store.uri(sweep.name)} holds another sweep of the name {sweep.name!r}, of {there}: none of its {count} "
            f"is a point of {here}. Its tables and figures would be replaced. Change the name in {here}, or use "
            f"another --results; or remove {store.uri(f'{sweep.name}/sweep.json')} to replace them"
        )
    return (
        f"Of {count} of the earlier {sweep.name}, {len(gone)} will not be in its tables and figures any more: "
        f"this sweep does not ask for {'it' if len(gone) == 1 else 'them'}. All records stay in "
        f"{store.uri('points')}; a sweep that asks for such a point again trains nothing anew."
    )


def _file_in(command: str) -> Path | None:
    """Return the sweep file that a command line names, where it names one."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    return next((Path(word) for word in words if word.endswith(".py")), None)


def _known_data(before: dict[str, Any]) -> dict[str, Any]:
    data = before.get("data")
    return data if isinstance(data, dict) else {}
