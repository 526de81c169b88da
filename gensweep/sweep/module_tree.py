"""The modules of a package and of plugins, read from source, and what their names mean."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from gensweep.plugins.loader import find_source, list_scripts
from gensweep.sweep.data_files import list_data_files
from gensweep.sweep.module_source import Module
from gensweep.sweep.syntax import (
    COMPOUND,
    get_bound_names,
    get_import_source,
    is_docstring,
    is_logger_definition,
    is_type_checking,
)


class ModuleTree:
    """The modules of a package. A file is read when it is first needed, and never imported.

    Args:
        folder: the folder of the package; its name is the name of the package.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder.name
        self._modules: dict[str, Module | None] = {}

    def resolve(self, module_name: str, name: str) -> tuple[str, str] | None:
        """Return module and name of a definition, following imports.

        None for a module, and for a name that this package does not define.
        """
        module = self._find_module(module_name)
        if module is None or not name:
            return None
        if name in module.definitions:
            return module_name, name
        if name in module.imports:
            return self.resolve(*module.imports[name])
        return None

    def get_module(self, name: str) -> Module:
        """Return a module that exists."""
        module = self._find_module(name)
        assert module is not None, (
            "only names in modules that were read are reachable"
        )
        return module

    def _find_module(self, name: str) -> Module | None:
        if name not in self._modules:
            # Set first, because two modules may import everything of each other.
            self._modules[name] = None
            self._modules[name] = self._read_module(name)
        return self._modules[name]

    def _read_module(self, name: str) -> Module | None:
        """Return a parsed module of this package or of a plugin; None if there is none."""
        package, *parts = name.split(".")
        if package != self.package:
            source = find_source(name)
            if source is None:
                return None
            module = Module(package=source[1], scripts=list_scripts(name))
            return self._sort_statements(source[0], module)
        path = self.folder.joinpath(*parts)
        if path.is_dir():
            path = path / "__init__.py"
            parent = name
        else:
            path = path.with_name(f"{path.name}.py")
            parent = name.rpartition(".")[0]
        if not path.is_file():
            return None
        module = Module(
            data_files=list_data_files(path.parent), package=parent
        )
        return self._sort_statements(ast.parse(path.read_bytes()), module)

    def _sort_statements(self, tree: ast.Module, module: Module) -> Module:
        for statement in tree.body:
            self._add_statement(module, statement)
        return module

    def _add_statement(self, module: Module, statement: ast.stmt) -> None:
        """Sort one top-level statement into the imports, definitions or effects of a module."""
        if is_docstring(statement) or is_type_checking(statement):
            return
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            module.imports.update(
                self.iter_imports([statement], module.package)
            )
            return
        names = get_bound_names(statement)
        if is_logger_definition(statement):
            module.loggers.update(names)
        is_compound = isinstance(statement, COMPOUND)
        if is_compound:
            module.imports.update(
                self.iter_imports(ast.walk(statement), module.package)
            )
        for name in names:
            module.definitions.setdefault(name, []).append(statement)
        if not names or is_compound:
            module.effects.append(statement)

    def iter_imports(
        self, nodes: Iterable[ast.AST], package: str
    ) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield each imported name, with the module and the name in it that it stands for.

        Args:
            nodes: nodes of a syntax tree; other nodes than imports are ignored.
            package: the full name of the package where relative imports begin.
        """
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                source = get_import_source(node, package)
                for alias in node.names:
                    if alias.name == "*":
                        yield from self._iter_public_names(source)
                    else:
                        yield alias.asname or alias.name, (source, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    # `import a.b` binds `a`; `import a.b as c` binds `c`, which is `a.b`.
                    if alias.asname:
                        yield alias.asname, (alias.name, "")
                    else:
                        top = alias.name.partition(".")[0]
                        yield top, (top, "")

    def _iter_public_names(
        self, source: str
    ) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield what `from source import *` imports."""
        module = self._find_module(source)
        if module is not None:
            for name in (*module.definitions, *module.imports):
                if not name.startswith("_"):
                    yield name, (source, name)
