"""The source of the package, parsed when a test needs it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "gensweep"
FILES = [path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py"))]
"""Names of the package's files."""


@cache
def parse_file(name: str) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse((SOURCE / name).read_text())


@cache
def list_nodes(name: str) -> list[ast.AST]:
    """Return every node of a file."""
    return list(ast.walk(parse_file(name)))


def skips_types(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that runs: all but the bodies of `if TYPE_CHECKING`."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not checks_types(child)]


def checks_types(node: ast.AST) -> bool:
    """Return whether a node is `if TYPE_CHECKING`."""
    if not isinstance(node, ast.If):
        return False
    for part in ast.walk(node.test):
        if "TYPE_CHECKING" in (getattr(part, "id", None), getattr(part, "attr", None)):
            return True
    return False
