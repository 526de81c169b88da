"""The files that travel with a user's file: modules that it imports, and files that it declares."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path, PurePosixPath

from gensweep.core.errors import UserError
from gensweep.plugins.declared_files import (
    find_undeclared_file,
    list_declared_files,
    list_modules_beside,
)
from gensweep.plugins.imports import iter_imports, parse

MAX_BYTES = 1_000_000
"""The largest size of a plugin with all that travels with it."""
PACKAGE = "gensweep"
"""This package: every node has it, so no plugin brings it."""


def follow_imports(name: str, folder: Path, files: dict[str, bytes]) -> None:
    """Add a file, and every file in the folder that it imports, directly or not."""
    if name in files:
        return
    content = _add_file(name, folder, files)
    for imported in iter_imports(parse(content, name), name):
        top = imported.module.partition(".")[0]
        inner = list_files(folder, top)
        for file in inner:
            follow_imports(file, folder, files)
        if not inner and imported.is_required and not _is_importable(top):
            raise UserError(
                f"{name}:{imported.line}: imports {top!r}, which is neither installed nor a "
                f"file in {folder}"
            )


def _add_file(name: str, folder: Path, files: dict[str, bytes]) -> bytes:
    """Add a file, and return its content."""
    content = read_file(folder / name, name)
    files[name] = content
    if sum(map(len, files.values())) > MAX_BYTES:
        raise UserError(
            f"{name}: this file and what travels with it are larger than {MAX_BYTES:,} bytes; "
            "keep data in other files, and read them where it trains"
        )
    return content


def add_scripts(folder: Path, files: dict[str, bytes]) -> tuple[str, ...]:
    """Add the files that tasks declare, and return the names of all that were added."""
    modules = list(files)
    for name in modules:
        tree = parse(files[name], name)
        for script, line in list_declared_files(tree, name):
            path = folder / script
            if not path.is_file():
                raise UserError(
                    f"{name}:{line}: files has {script!r}, but there is no file {path}"
                )
            _add_script(script, folder, files)
    return tuple(sorted(files.keys() - set(modules)))


def _add_script(name: str, folder: Path, files: dict[str, bytes]) -> None:
    """Add a file that is not imported; if it is Python, with the modules beside it."""
    if name in files:
        return
    content = _add_file(name, folder, files)
    parent = PurePosixPath(name).parent
    for module in list_modules_beside(content, name):
        for file in list_files(folder / parent, module):
            _add_script((parent / file).as_posix(), folder, files)


def refuse_undeclared_files(folder: Path, files: dict[str, bytes]) -> None:
    """Raise UserError if a file opens another one beside it, which workers will not have."""
    for name, content in files.items():
        if not name.endswith(".py"):
            continue
        parent = (folder / name).parent
        shipped = frozenset(
            (folder / file).relative_to(parent).as_posix()
            for file in files
            if (folder / file).is_relative_to(parent)
        )
        match = find_undeclared_file(parse(content, name), parent, shipped)
        if match:
            file, line = match
            raise UserError(
                f"{name}:{line}: {file!r} lies beside this file, but does not travel with it to "
                f"workers: say @gs.task(..., files=({file!r},)), or write its full path"
            )


def list_files(folder: Path, top: str) -> list[str]:
    """Return the files of a module or package in a folder, relative to it; none if it has none."""
    if top == PACKAGE or top in sys.stdlib_module_names:
        return []
    if (folder / f"{top}.py").is_file():
        return [f"{top}.py"]
    if not (folder / top / "__init__.py").is_file():
        return []
    paths = sorted((folder / top).rglob("*.py"))
    return [path.relative_to(folder).as_posix() for path in paths]


def _is_importable(top: str) -> bool:
    """Return whether a module is installed; it is not imported."""
    if top in sys.stdlib_module_names or top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def read_file(path: Path, name: str) -> bytes:
    """Return the content of a file.

    Raises:
        UserError: it cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"{name} is larger than {MAX_BYTES:,} bytes, so it cannot be a plugin"
            )
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror or error}"
        ) from None
