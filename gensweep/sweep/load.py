"""Sweep files, with errors that name the file and the line, and the points that filters leave of a sweep."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
import traceback
import types
import zlib
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from gensweep.core.errors import SweepError, UserError, describe_unknown
from gensweep.prepare.fingerprint import find_paths, get_pinned_text
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.naming import Names, is_same

_helpers: dict[str, str] = {}
"""Modules that sweep files have imported from their own folders: name -> folder."""


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
        what = (
            "defines no SWEEP" if sweep is None else f"has a SWEEP that is a {type(sweep).__name__}"
        )
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
        if (
            _helpers[name] not in folders
        ):  # of an earlier sweep file: this one may have a helper of that name
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
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f":{lines[-1]}" if lines else ""


def filter_points(sweep: Sweep, filters: Iterable[tuple[str, list[str]]]) -> list[Point]:
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
            raise SweepError(
                describe_unknown("parameter", key, known, f"--filter of sweep {sweep.name!r}")
            )
        names = Names(
            {key: [_value(point, key) for point in every]},
            find_paths(_value(point, key) for point in every),
        )
        left = {names.get_text(key, _value(point, key)): None for point in points}
        wanted = {
            text: names.find(key, text, parse_value(get_pinned_text(text))) for text in values
        }
        meant = [value for several in wanted.values() for value in several]
        strange = [
            text
            for text, several in wanted.items()
            if not left.keys() & {names.get_text(key, v) for v in several}
        ]
        if strange:
            raise SweepError(
                f"--filter {key}={','.join(strange)} matches nothing; there is {', '.join(left)}"
            )
        points = [
            point for point in points if any(is_same(_value(point, key), value) for value in meant)
        ]
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
