"""Files beside a user's file that are not imported: scripts that a task calls, and their settings.

    @gs.task("fit", metrics=..., files=("fit.py",))
    def train(run: gs.Run):
        script = Path(__file__).with_name("fit.py")

They are read from the source, before the file runs, because the driver ships them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gensweep.core.errors import UserError
from gensweep.plugins.imports import iter_imports, parse

DECORATOR = "task"
"""The function with the argument `files`."""
_THIS_FILE = "__file__"
_SWEEP = "Sweep"


def list_declared_files(tree: ast.Module, name: str) -> list[tuple[str, int]]:
    """Return the files that the tasks of a file declare.

    Args:
        tree: the file.
        name: its path relative to the plugin's folder, with slashes.

    Returns:
        Paths relative to the plugin's folder, with slashes, each with the line that names it.

    Raises:
        UserError: `files` is not a tuple of plain texts, or a file is outside the folder; the
            message names file and line.
    """
    constants = _list_constants(tree)
    declared = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if get_called_name(node) != DECORATOR:
            continue
        for keyword in node.keywords:
            if keyword.arg == "files":
                position = f"{name}:{keyword.value.lineno}"
                value = keyword.value
                if isinstance(value, ast.Name):
                    value = constants.get(value.id, value)
                for text in _read_texts(value, position):
                    path = _resolve(text, name, position)
                    declared.append((path, keyword.value.lineno))
    return declared


def get_called_name(call: ast.Call) -> str:
    """Return the last part of the name of what is called; empty if it has no name."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    if isinstance(call.func, ast.Name):
        return call.func.id
    return ""


def _list_constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the values of a file's top-level names."""
    constants = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                constants[target.id] = statement.value
    return constants


def _read_texts(value: ast.expr, position: str) -> Iterator[str]:
    refusal = UserError(
        f"{position}: files must be a tuple of plain texts, such as files=('fit.py',): it is read "
        "before the file runs"
    )
    if not isinstance(value, (ast.List, ast.Tuple)):
        raise refusal
    for item in value.elts:
        if not isinstance(item, ast.Constant):
            raise refusal
        if not isinstance(item.value, str):
            raise refusal
        yield item.value


def _resolve(text: str, name: str, position: str) -> str:
    """Return a path relative to the file that declares it as one relative to the plugin's folder.

    Raises:
        UserError: it leads out of the folder.
    """
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise UserError(
            f"{position}: files has {text!r}; only files below the folder of this file travel "
            "with it. A path that each node has needs no declaration"
        )
    return (PurePosixPath(name).parent / path).as_posix()


def list_modules_beside(content: bytes, name: str) -> list[str]:
    """Return the modules that a declared script in Python imports, whatever else it needs.

    It may be for another interpreter, so nothing of it is refused here.
    """
    if not name.endswith(".py"):
        return []
    try:
        imports = list(iter_imports(parse(content, name), ""))
    except UserError:
        return []
    return [imported.module.partition(".")[0] for imported in imports]


def find_undeclared_file(
    tree: ast.Module, folder: Path, shipped: frozenset[str]
) -> tuple[str, int] | None:
    """Return a file beside the plugin that it opens by its own path, but does not declare.

    Args:
        tree: a file of the plugin.
        folder: the folder of that file.
        shipped: the names of the files in that folder that travel with it.

    Returns:
        The name of the file, and the line that names it; None: there is none.
    """
    names = {_THIS_FILE}
    for name, value in _list_constants(tree).items():
        if _mentions(value, names):
            names.add(name)
    for call in _iter_expressions(tree):
        if not _mentions(call, names):
            continue
        for node in ast.walk(call):
            if not isinstance(node, ast.Constant):
                continue
            text = node.value
            if not isinstance(text, str) or text in shipped:
                continue
            if _is_file_in(folder, text):
                return text, node.lineno
    return None


def _iter_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield calls and operations, but nothing of a sweep, which is read on this machine alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and get_called_name(child) == _SWEEP:
            continue
        if isinstance(child, (ast.Call, ast.BinOp)):
            yield child
        yield from _iter_expressions(child)


def _mentions(value: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id in names
        for node in ast.walk(value)
    )


def _is_file_in(folder: Path, text: str) -> bool:
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or "\0" in text:
        return False
    try:
        return (folder / path).is_file()
    except OSError:
        return False
