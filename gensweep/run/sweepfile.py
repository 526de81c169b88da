"""Sweep files: read with errors that name the file and the line, and what a run writes down of them."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import shlex
import sys
import traceback
import types
import zlib
from collections.abc import Generator, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gensweep.core.arrays import Prepared, training_rows
from gensweep.core.catalog import METRICS, MODELS, dataset
from gensweep.core.config import Data
from gensweep.core.content import known as known_place
from gensweep.core.content import places, survey
from gensweep.core.environment import hardware, versions
from gensweep.core.errors import ResultsError, SweepError, Unavailable, UserError, unknown
from gensweep.core.naming import Names, is_same
from gensweep.core.records import SCHEMA
from gensweep.core.storage import parse_json
from gensweep.core.stores import Store
from gensweep.core.words import counted
from gensweep.points import Point
from gensweep.spec import Sweep

SWEEP = "sweep.json"
_helpers: dict[str, str] = {}
"""Modules that sweep files have imported from their own folders: name -> folder."""
_OF_THE_CALL = ("command", "places", "commit", "versions", "hardware", "created")


def read_sweep(path: Path) -> Sweep:
    """Run a sweep file and return its ``SWEEP``.

    Raises:
        SweepError: no such file, or the file is wrong; the message names the line.
    """
    if not path.is_file():
        what = "is a folder, no sweep file" if path.is_dir() else "is no sweep file"
        there = sorted(str(p) for p in Path("sweeps").glob("*.py"))
        near = difflib.get_close_matches(str(path), there, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else "."
        hint = f" There are: {', '.join(there)}." if there else ""
        raise SweepError(f"{str(path)!r} {what}{guess}{hint}")
    if path.suffix != ".py":
        raise SweepError(f"{str(path)!r} is no Python file; a sweep file is one, named *.py")
    module = types.ModuleType(_module_name(path))
    module.__file__ = str(path)
    try:
        with _importing(path, module):
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    except UserError as error:
        raise SweepError(f"{path}{_line(error, path)}: {error}") from error
    except SyntaxError as error:
        place = f"{path}:{error.lineno}" if error.lineno else path
        raise SweepError(f"{place}: syntax error: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise SweepError(f"{path}{_line(error, path)}: {type(error).__name__}: {error}") from error
    sweep = getattr(module, "SWEEP", None)
    if not isinstance(sweep, Sweep):
        what = "defines no SWEEP" if sweep is None else f"has a SWEEP that is a {type(sweep).__name__}"
        raise SweepError(f"{path} {what}; it should say SWEEP = Sweep(name=..., grids=[...])")
    return sweep


def _module_name(path: Path) -> str:
    """Return the name of a sweep file's module: the same in every process, another for another file."""
    stem = re.sub(r"\W", "_", path.stem)
    return f"gensweep_sweep_{stem}_{zlib.crc32(os.fsencode(path.absolute())):08x}"


@contextlib.contextmanager
def _importing(path: Path, module: types.ModuleType) -> Generator[None]:
    """Let a sweep file import what lies beside it, or beside the file that it is a link to, as a script may.

    Dataclasses and pickle look for the module in `sys.modules`, where it stays unless the file is wrong.
    """
    folders = list(dict.fromkeys(str(file.parent) for file in (path.resolve(), path.absolute())))
    for name in _helpers.keys() & sys.modules.keys():
        if _helpers[name] not in folders:  # of an earlier sweep file: this one may have a helper of that name
            del sys.modules[name]
    before = set(sys.modules)
    sys.path[:0] = folders
    sys.modules[module.__name__] = module
    try:
        yield
    except BaseException:
        del sys.modules[module.__name__]
        raise
    finally:
        for folder in folders:
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)
        for name in set(sys.modules) - before - {module.__name__}:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and (folder := str(Path(origin).parent)) in folders:
                _helpers[name] = folder


def _line(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def sweep_json(sweep: Sweep, command: str) -> dict[str, Any]:
    """What sweep.json holds: every cell and point, each metric's unit and direction, and where this ran."""
    cells: dict[str, dict[str, Any]] = {}
    for point in sweep.points():
        cell = cells.setdefault(
            point.cell, {"id": point.cell, "model": point.model, "params": point.params, "points": {}}
        )
        cell["points"][str(point.seed)] = point.id
    models = {cell["model"] for cell in cells.values()}
    return {
        "schema": SCHEMA,
        "name": sweep.name,
        "seeds": sweep.seeds,
        "tables": sweep.tables,
        "figures": sweep.figures,
        "objective": sweep.objective,
        "grids": [{"model": grid.model, "axes": grid.axes} for grid in sweep.grids],
        "cells": list(cells.values()),
        "of_dataset": parameters_of_datasets(cell["params"]["dataset"] for cell in cells.values()),
        "places": places(value for cell in cells.values() for value in cell["params"].values()),
        "metrics": _metrics(models),
        "command": command,
        "commit": versions()["commit"],
        "versions": versions(),
        "hardware": hardware(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def parameters_of_datasets(names: Iterable[str]) -> list[str]:
    """The parameters that some of these datasets have of their own: not every dataset knows them."""
    return sorted(
        {key for name in set(names) for key in dataset(name).model_fields} - Data.model_fields.keys() - {"dataset"}
    )


def _metrics(models: set[str]) -> dict[str, Any]:
    described = {}
    for name, metric in METRICS.items():
        having = sorted(model for model in models if metric.applies(MODELS[model].outputs))
        if having:
            described[name] = {
                "unit": metric.unit, "direction": metric.direction, "doc": metric.doc, "models": having,
            }  # fmt: skip
    return described


def describe_data(points: Iterable[Point], ready: Mapping[str, Prepared]) -> dict[str, dict[str, Any]]:
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
        sizes.setdefault(key, set()).add(len(training_rows(arrays.split, data.train_fraction)))
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
        raise ResultsError(f"{store.told(name)}: {known}: upgrade, or use another folder")
    other = before.get("name")
    if isinstance(other, str) and other != sweep.name and other.lower() == sweep.name.lower():
        raise ResultsError(
            f"{store.told(sweep.name)} is the folder of the sweep {other!r}, "
            "since this file system takes both names for one: rename the sweep"
        )
    wanted = json.loads(json.dumps(sweep_json(sweep, command)))
    described = _known_data(before) | json.loads(json.dumps(data or {}))
    if described:
        keys = {point.data_key for point in sweep.points()}
        wanted["data"] = {key: about for key, about in described.items() if key in keys}
    if before | {key: wanted[key] for key in _OF_THE_CALL} == wanted:
        return
    try:
        store.write_json(name, wanted)
    except OSError as error:
        raise ResultsError(f"{store.told(sweep.name)} cannot be written: {error.strerror or error}") from error


def _read_before(store: Store, sweep: Sweep) -> dict[str, Any]:
    """Return the sweep.json that is there; nothing where there is none, or it is damaged."""
    try:
        before = parse_json(store.read(f"{sweep.name}/{SWEEP}"))
    except Unavailable as error:
        raise ResultsError(str(error)) from error
    except (OSError, ValueError):
        return {}
    return before if isinstance(before, dict) else {}


def check_replaced(store: Store, sweep: Sweep, command: str) -> str:
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
            f"{store.told(sweep.name)} holds another sweep of the name {sweep.name!r}, of {there}: none of its {count} "
            f"is a point of {here}. Its tables and figures would be replaced. Change the name in {here}, or use "
            f"another --results; or remove {store.told(f'{sweep.name}/sweep.json')} to replace them"
        )
    return (
        f"Of {count} of the earlier {sweep.name}, {len(gone)} will not be in its tables and figures any more: "
        f"this sweep does not ask for {'it' if len(gone) == 1 else 'them'}. All records stay in "
        f"{store.told('points')}; a sweep that asks for such a point again trains nothing anew."
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


def points_of(sweep: Sweep, filters: Iterable[tuple[str, list[str]]]) -> list[Point]:
    """The sweep's points that every filter lets through.

    Args:
        sweep: the whole sweep.
        filters: a parameter (or `model`, `seed`) and values of it, each as tables, figures and pages show it, or as
            the sweep file may write it.

    Raises:
        SweepError: an unknown parameter, or nothing is left.
    """
    points = every = sweep.points()
    known = {"model", "seed"} | {key for point in points for key in point.params}
    for key, values in filters:
        if key not in known:
            raise SweepError(unknown("parameter", key, known, f"--filter of sweep {sweep.name!r}"))
        names = Names({key: [_value(point, key) for point in every]}, places(_value(point, key) for point in every))
        left = {names.text(key, _value(point, key)): None for point in points}
        wanted = {text: names.find(key, text, parse_value(known_place(text))) for text in values}
        meant = [value for several in wanted.values() for value in several]
        strange = [text for text, several in wanted.items() if not left.keys() & {names.text(key, v) for v in several}]
        if strange:
            raise SweepError(f"--filter {key}={','.join(strange)} matches nothing; there is {', '.join(left)}")
        points = [point for point in points if any(is_same(_value(point, key), value) for value in meant)]
    return points


def _value(point: Point, key: str) -> Any:
    return {"model": point.model, "seed": point.seed}.get(key, point.params.get(key))


def parse_value(text: str) -> Any:
    """A value from the command line: whole number, number, true, false, none, or text."""
    named = {"none": None, "null": None, "true": True, "false": False}
    if text.lower() in named:
        return named[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
