"""The argument `uses` of a sweep file, which is read before the file runs.

A file says `Sweep(grids=[Grid("mlp")], uses=["mymodel.py"])`, and `Grid` needs to know `mlp` before
`Sweep` is called.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gensweep.core.errors import SweepError, UserError
from gensweep.core.values import show_value
from gensweep.plugins.imports import parse
from gensweep.plugins.loader import load_plugins
from gensweep.plugins.source import read_plugin

_THIS_FILE = "__file__"


def use_plugins(path: Path, content: bytes) -> bool:
    """Load the plugins that a sweep file uses, and no others.

    Returns:
        Whether the sweep file itself is one of them.

    Raises:
        SweepError: `uses` is not a list of plain texts.
        UserError: a plugin cannot be loaded; the message names its file and line.
    """
    plugins = []
    is_own_plugin = False
    for name, line in _iter_uses(content, path):
        is_own_plugin |= name == _THIS_FILE
        try:
            plugins.append(
                read_plugin(
                    path.name if name == _THIS_FILE else name, path.parent
                )
            )
        except UserError as error:
            raise SweepError(f"{path}:{line}: {error}") from None
    load_plugins(plugins)
    return is_own_plugin


def _iter_uses(content: bytes, path: Path) -> Iterator[tuple[str, int]]:
    """Yield every entry of `uses` in the calls of a file, each once, with its line."""
    try:
        tree = parse(content, str(path))
    except UserError:
        return  # the file is compiled next, and that error is clearer
    constants: dict[str, ast.expr] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(
            statement.targets[0], ast.Name
        ):
            constants[statement.targets[0].id] = statement.value
    seen = set()
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and _get_called_name(node) == "Sweep"
        ):
            continue
        for keyword in node.keywords:
            if keyword.arg != "uses":
                continue
            for name in _read_names(keyword.value, constants, path):
                if name not in seen:
                    seen.add(name)
                    yield name, keyword.value.lineno


def _get_called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _read_names(
    value: ast.expr, constants: dict[str, ast.expr], path: Path
) -> list[str]:
    """Return the texts of a list in the source; `__file__` stands for the file itself."""
    if isinstance(value, ast.Name) and value.id in constants:
        value = constants[value.id]
    items: list[ast.expr] = [value]
    if isinstance(value, (ast.List, ast.Tuple)):
        items = value.elts
    names: list[str] = []
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            names.append(item.value)
        elif isinstance(item, ast.Name) and item.id == _THIS_FILE:
            names.append(_THIS_FILE)
        else:
            raise SweepError(
                f"{path}:{value.lineno}: uses must be a list of plain texts, such as "
                "uses=['mymodel.py']: it is read before the file runs"
            )
    return names


def check_uses(sweep: str, uses: Any) -> list[str]:
    """Return what a sweep says to use, as a list of texts.

    Raises:
        SweepError: it is not a list of texts.
    """
    names = [uses] if isinstance(uses, (str, os.PathLike)) else uses
    if not isinstance(names, (list, tuple)):
        raise SweepError(
            f"sweep {sweep!r}: uses={show_value(uses)} is not a list of files or modules"
        )
    for name in names:
        if not isinstance(name, (str, os.PathLike)):
            raise SweepError(
                f"sweep {sweep!r}: uses has {show_value(name)}, which names no file or module"
            )
    return [os.fspath(name) for name in names]
