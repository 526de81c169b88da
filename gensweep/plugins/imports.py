"""The imports of a user's file: which they are, and how they reach the plugin's own modules."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gensweep.core.errors import UserError


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes:
        module: its full name.
        line: where the import stands.
        is_required: whether the code fails without it. An import within `try` may be missing, and
            one for types alone never runs.
    """

    module: str
    line: int
    is_required: bool


def parse(content: bytes, name: str) -> ast.Module:
    """Return the syntax tree of a file.

    Raises:
        UserError: it is not Python; the message names file and line.
    """
    try:
        return ast.parse(content, name)
    except SyntaxError as error:
        position = f"{name}:{error.lineno}" if error.lineno else name
        raise UserError(f"{position}: syntax error: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{name} is not Python source: {error}") from None


def iter_imports(tree: ast.AST, name: str) -> Iterator[Import]:
    """Yield every module that a file imports, at any depth.

    Args:
        tree: the file.
        name: its path relative to the plugin's folder, with slashes.
    """
    package = name.split("/")[:-1]
    yield from _iter_imports(tree, package, is_required=True)


def _iter_imports(
    node: ast.AST, package: list[str], *, is_required: bool
) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inner = is_required
        if isinstance(child, (ast.Try, ast.TryStar)) or (
            isinstance(child, ast.If)
            and "TYPE_CHECKING" in ast.unparse(child.test)
        ):
            inner = False
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, is_required)
        elif isinstance(child, ast.ImportFrom):
            for module in _list_sources(child, package):
                yield Import(module, child.lineno, is_required)
        else:
            yield from _iter_imports(child, package, is_required=inner)


def _list_sources(node: ast.ImportFrom, package: list[str]) -> list[str]:
    """Return the modules that a `from ... import ...` needs."""
    if not node.level:
        return [str(node.module)]
    base = package[: len(package) - node.level + 1]
    if node.module:
        return [".".join([*base, node.module])]
    if base:
        return [".".join(base)]
    # `from . import a, b` beside the main file: each of them is a module.
    return [alias.name for alias in node.names]


class Rewriter(ast.NodeTransformer):
    """Make a file import its plugin's modules under the names that this version of them has.

    `import helpers` becomes `import gensweep_plugins.h3f9a.helpers as helpers`. So two versions of
    a plugin can be in one process, also if a function imports late.

    Args:
        helpers: top-level names of the plugin's modules.
        prefix: the package that holds them.
    """

    def __init__(self, helpers: Collection[str], prefix: str) -> None:
        self._helpers = helpers
        self._prefix = prefix

    def _is_helper(self, module: str | None) -> bool:
        return (
            module is not None and module.partition(".")[0] in self._helpers
        )

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """Rewrite `import a, b.c, d as e`."""
        statements: list[ast.stmt] = []
        for alias in node.names:
            if not self._is_helper(alias.name):
                statements.append(ast.Import([alias]))
                continue
            full_name = f"{self._prefix}.{alias.name}"
            if alias.asname or "." not in alias.name:
                statements.append(
                    ast.Import(
                        [ast.alias(full_name, alias.asname or alias.name)]
                    )
                )
                continue
            # `import b.c` binds `b`, and makes `b.c` available.
            top = alias.name.partition(".")[0]
            statements.append(
                ast.Import([ast.alias(full_name, f"_{top}_submodule")])
            )
            statements.append(
                ast.Import([ast.alias(f"{self._prefix}.{top}", top)])
            )
        return [
            ast.copy_location(statement, node) for statement in statements
        ]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """Rewrite `from a import b`."""
        if not node.level and self._is_helper(node.module):
            node.module = f"{self._prefix}.{node.module}"
        return node
