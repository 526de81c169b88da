"""Sweep files: read with errors that name the file and the line, and what a run writes down of them."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import sys
import traceback
import types
import zlib
from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gensweep.core.catalog import METRICS, MODELS, dataset
from gensweep.core.config import Data
from gensweep.core.content import known as known_place
from gensweep.core.content import label, places
from gensweep.core.environment import hardware, versions
from gensweep.core.errors import ResultsError, SweepError, Unavailable, UserError, unknown
from gensweep.core.records import SCHEMA
from gensweep.core.stores import Store
from gensweep.points import Point
from gensweep.spec import Sweep

MOST_EXACT = 2**53
"""Whole numbers below this are exact as floats."""
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
        "grids": [{"model": grid.model, "axes": grid.axes} for grid in sweep.grids],
        "cells": list(cells.values()),
        "of_dataset": _of_datasets({cell["params"]["dataset"] for cell in cells.values()}),
        "places": places(value for cell in cells.values() for value in cell["params"].values()),
        "metrics": _metrics(models),
        "command": command,
        "commit": versions()["commit"],
        "versions": versions(),
        "hardware": hardware(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _of_datasets(names: set[str]) -> list[str]:
    """The parameters that some of these datasets have of their own: not every dataset knows them."""
    return sorted(
        {key for name in names for key in dataset(name).model_fields} - Data.model_fields.keys() - {"dataset"}
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


def write_sweep_json(store: Store, sweep: Sweep, command: str) -> None:
    """Write ``ROOT/<sweep>/sweep.json``.

    One that wants the same stays as it is; a newer gensweep's is never replaced.

    Raises:
        ResultsError: a newer gensweep wrote the folder, or it cannot be written.
    """
    name = f"{sweep.name}/sweep.json"
    try:
        before = json.loads(store.read(name))
        schema = before.get("schema")
    except Unavailable as error:
        raise ResultsError(str(error)) from error
    except (OSError, ValueError, AttributeError):
        before, schema = {}, None
    if isinstance(schema, int) and schema > SCHEMA:
        known = f"schema {schema}, gensweep knows up to {SCHEMA}"
        raise ResultsError(f"{store.told(name)}: {known}: upgrade, or use another folder")
    wanted = json.loads(json.dumps(sweep_json(sweep, command)))
    if before | {key: wanted[key] for key in _OF_THE_CALL} == wanted:
        return
    try:
        store.write_json(name, wanted)
    except OSError as error:
        raise ResultsError(f"{store.told(sweep.name)} cannot be written: {error.strerror or error}") from error


def points_of(sweep: Sweep, filters: Iterable[tuple[str, list[str]]]) -> list[Point]:
    """The sweep's points that every filter lets through.

    Args:
        sweep: the whole sweep.
        filters: a parameter (or `model`, `seed`) and values of it as written on the command line, each.

    Raises:
        SweepError: an unknown parameter, or nothing is left.
    """
    points = sweep.points()
    known = {"model", "seed"} | {key for point in points for key in point.params}
    for key, values in filters:
        if key not in known:
            raise SweepError(unknown("parameter", key, known, f"--filter of sweep {sweep.name!r}"))
        there = {_text(value): _label(value) for value in (_value(point, key) for point in points)}
        wanted = {_text(parse_value(known_place(value))) for value in values}
        if strangers := wanted - there.keys() - set(there.values()):
            strange = ",".join(sorted(strangers))
            raise SweepError(f"--filter {key}={strange} matches nothing; there is {', '.join(there.values())}")
        points = [p for p in points if (text := _text(_value(p, key))) in wanted or there[text] in wanted]
    return points


def _value(point: Point, key: str) -> Any:
    return {"model": point.model, "seed": point.seed}.get(key, point.params.get(key))


def _text(value: Any) -> str:
    """A value as it is compared and shown: 1, 1.0 and 1e0 are one number."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and abs(value) < MOST_EXACT:
        return repr(float(value)).removesuffix(".0")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower()


def _label(value: Any) -> str:
    """A value as tables show it: the user's own data by its folder's name."""
    return label(value).lower() if isinstance(value, str) else _text(value)


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
