"""Sweep files, with errors that name the file and the line."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
import traceback
import types
import zlib
from collections.abc import Generator
from pathlib import Path

from gensweep.core.errors import SweepError, UserError
from gensweep.core.registry import refuse_entries
from gensweep.plugins.loader import list_active_plugins, load_plugin
from gensweep.plugins.source import read_plugin
from gensweep.sweep.reference import resolve_paths_from
from gensweep.sweep.spec import Sweep
from gensweep.sweep.uses import use_plugins
from gensweep.system.signals import Stopped

_helpers: dict[str, str] = {}
"""Modules that sweep files have imported from their own folders: name -> folder."""
_NOT_SHIPPED = (
    "is registered while a sweep file runs, which workers do not read; move it to a file of its "
    "own, mymodel.py, and say Sweep(uses=['mymodel.py']); or say Sweep(uses=[__file__])"
)


def read_sweep(path: Path) -> Sweep:
    """Run a sweep file and return its ``SWEEP``.

    Raises:
        SweepError: no such file, or the file is wrong; the message names the line.
    """
    _check_is_sweep_file(path)
    module = types.ModuleType(_make_module_name(path))
    module.__file__ = str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SweepError(
            f"{path} cannot be read: {error.strerror or error}"
        ) from error
    is_own_plugin = use_plugins(path, content)
    try:
        if is_own_plugin:
            # The file is one of its own plugins: it has been imported as such.
            with resolve_paths_from(path.parent):
                module = load_plugin(read_plugin(path.name, path.parent))
        else:
            with (
                _allow_imports(path, module),
                resolve_paths_from(path.parent),
                refuse_entries(_NOT_SHIPPED),
            ):
                # Without dont_inherit the file would get this one's `from __future__` imports.
                code = compile(content, str(path), "exec", dont_inherit=True)
                exec(code, module.__dict__)
    except UserError as error:
        raise SweepError(
            f"{path}{_format_line(error, path)}: {error}"
        ) from error
    except SyntaxError as error:
        position = f"{path}:{error.lineno}" if error.lineno else path
        raise SweepError(f"{position}: syntax error: {error.msg}") from error
    except (KeyboardInterrupt, Stopped):
        raise
    except (
        BaseException
    ) as error:  # a user's file may raise anything, SystemExit included
        message = _describe_error(error)
        raise SweepError(
            f"{path}{_format_line(error, path)}: {message}"
        ) from error
    sweep = getattr(module, "SWEEP", None)
    if isinstance(sweep, Sweep):
        sweep.plugins = list_active_plugins()
        return sweep
    problem = "does not define SWEEP"
    if sweep is not None:
        problem = f"has a SWEEP that is a {type(sweep).__name__}"
    raise SweepError(
        f"{path} {problem}; it should say SWEEP = Sweep(name=..., grids=[...])"
    )


def _describe_error(error: BaseException) -> str:
    """Return an exception in one line, also one whose own text cannot be made."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return (
            f"{type(error).__name__} (its message raises an error of its own)"
        )


def _list_files_beside(path: Path) -> list[str]:
    """Return the Python files in the folder of a path; none if it cannot be read."""
    try:
        return sorted(str(file) for file in path.parent.glob("*.py"))
    except OSError:
        return []


def _check_is_sweep_file(path: Path) -> None:
    """Raise SweepError, with the sweep files nearby, if there is no Python file at the path."""
    if not path.is_file():
        message = f"{str(path)!r} is not a sweep file: there is no such file"
        if path.is_dir():
            message = f"{str(path)!r} is a folder, not a sweep file"
        available = sorted(str(file) for file in Path("sweeps").glob("*.py"))
        candidates = sorted(
            {*available, *_list_files_beside(path)} - {str(path)}
        )
        near = difflib.get_close_matches(str(path), candidates, n=1)
        message += f"; did you mean {near[0]!r}?" if near else "."
        if available:
            message += f" Available: {', '.join(available)}."
        raise SweepError(message)
    if path.suffix != ".py":
        raise SweepError(
            f"{str(path)!r} is not a Python file; a sweep file is named *.py"
        )


def _make_module_name(path: Path) -> str:
    """Return the name of a sweep file's module: the same in every process, unique to the file."""
    stem = re.sub(r"\W", "_", path.stem)
    return f"gensweep_sweep_{stem}_{zlib.crc32(os.fsencode(path.absolute())):08x}"


@contextlib.contextmanager
def _allow_imports(path: Path, module: types.ModuleType) -> Generator[None]:
    """Let a sweep file import modules in its folder, as a script can.

    If the file is a link, the folder of its target counts too. Dataclasses and pickle look for the
    module in `sys.modules`, where it stays unless the file is wrong.
    """
    folders = list(
        dict.fromkeys(
            str(file.parent) for file in (path.resolve(), path.absolute())
        )
    )
    for name in _helpers.keys() & sys.modules.keys():
        # A helper of an earlier sweep file would hide one of this file with the same name.
        if _helpers[name] not in folders:
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
            folder = str(Path(origin).parent) if origin else ""
            if folder in folders:
                _helpers[name] = folder


def _format_line(error: BaseException, path: Path) -> str:
    """Return `:LINE` for the innermost line of the file in the traceback; empty if none is."""
    position = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            position = f":{frame.lineno}"
    return position
