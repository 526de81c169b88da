"""Digests of code: some definitions of this package, and all code that they run.

A digest covers top-level functions, classes and constants, and everything they refer to, in every
module of the package, as far as the source shows it. `gensweep.sweep.syntax` says what it leaves
out. It does not name modules of the package, so a definition that moves to another file stays the
same code. For other packages it names what is used. Nothing is imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gensweep.plugins.loader import is_of_plugin
from gensweep.sweep.data_files import digest_script
from gensweep.sweep.module_source import Module
from gensweep.sweep.module_tree import ModuleTree
from gensweep.sweep.syntax import (
    METRIC_FUNCTION,
    PARAMETER_FUNCTION,
    Context,
    get_dotted_name,
    iter_acting_nodes,
    iter_names_bound_within,
    normalize,
)

_MESSAGE_MODULES = {"logging", "warnings"}
"""Modules whose calls, as statements, only tell the user something."""
_PARAMETER_MODULE = "core.config"
"""The module of this package that defines `param`."""
_METRIC_MODULE = "core.registries"
"""The module of this package that defines `register_metric`."""


class SourceTree:
    """The source of a package. A file is read when it is first needed.

    Args:
        folder: the folder of the package; its name is the name of the package.
    """

    def __init__(self, folder: Path) -> None:
        self._tree = ModuleTree(folder)
        self._package = folder.name
        # Both caches use the id of a statement as key: the modules keep the statements alive.
        self._digests: dict[int, str] = {}
        self._targets: dict[int, set[tuple[str, str]]] = {}

    def compute_digest(
        self, roots: Iterable[str], without: Sequence[str] = ()
    ) -> str:
        """Return the digest of some definitions and of everything they refer to.

        Args:
            roots: full names, such as `gensweep.train.loop.Training`.
            without: prefixes of full names to leave out, with everything that only they refer to.

        Returns:
            Twelve hexadecimal digits.

        Raises:
            LookupError: a root does not exist.
            SyntaxError, OSError: a file cannot be read.
        """
        digests = set()
        modules = {}
        for module_name, name in self._find_reachable(roots, tuple(without)):
            module = self._tree.get_module(module_name)
            modules[module_name] = module
            digests.update(
                self._digest(module, item)
                for item in module.definitions[name]
            )
        for module in modules.values():
            digests.update(
                self._digest(module, item) for item in module.effects
            )
            for path in module.data_files:
                digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
            digests.update(map(digest_script, module.scripts))
        # Sorted, so that neither the order of definitions nor their files matter.
        return hashlib.sha256(
            "\n".join(sorted(digests)).encode()
        ).hexdigest()[:12]

    def list_reached(
        self, roots: Iterable[str], without: Sequence[str] = ()
    ) -> set[str]:
        """Return the full names of the definitions that `compute_digest` covers."""
        reachable = self._find_reachable(roots, tuple(without))
        return {f"{module}.{name}" for module, name in reachable}

    def _find_reachable(
        self, roots: Iterable[str], without: tuple[str, ...]
    ) -> set[tuple[str, str]]:
        """Return module and name of every definition that the roots refer to, roots included."""
        pending = []
        for root in roots:
            module_name, _, name = root.rpartition(".")
            target = self._tree.resolve(module_name, name)
            if target is None:
                raise LookupError(f"{root} is not in {self._tree.folder}")
            pending.append(target)
        visited: set[tuple[str, str]] = set()
        while pending:
            target = pending.pop()
            if target in visited or ".".join(target).startswith(without):
                continue
            visited.add(target)
            pending.extend(self._iter_references(*target))
        return visited

    def _iter_references(
        self, module_name: str, name: str
    ) -> Iterator[tuple[str, str]]:
        """Yield what one definition, and the top-level calls of its module, refer to."""
        module = self._tree.get_module(module_name)
        for statement in [*module.definitions[name], *module.effects]:
            key = id(statement)
            if key not in self._targets:
                self._targets[key] = set(
                    self._iter_targets(module_name, module, statement)
                )
            yield from self._targets[key]

    def _iter_targets(
        self, module_name: str, module: Module, statement: ast.stmt
    ) -> Iterator[tuple[str, str]]:
        """Yield module and name of every definition of this package that a statement uses."""
        names = self._get_imported_names(module, ast.walk(statement))
        context = self._get_context(module, statement, names)
        for node in iter_acting_nodes(statement, context):
            target = None
            if isinstance(node, ast.Name):
                target = self._tree.resolve(
                    *names.get(node.id, (module_name, node.id))
                )
            elif isinstance(node, ast.Attribute):
                target = self._tree.resolve(
                    get_dotted_name(node.value, names), node.attr
                )
            if target is not None:
                yield target

    def _get_imported_names(
        self, module: Module, nodes: Iterable[ast.AST]
    ) -> dict[str, tuple[str, str]]:
        """Return what imported names mean in a statement: imports of its module, and its own."""
        return module.imports | dict(
            self._tree.iter_imports(nodes, module.package)
        )

    def _digest(self, module: Module, statement: ast.stmt) -> str:
        """Return the digest of one statement, and of the other packages' names that it uses."""
        key = id(statement)
        if key not in self._digests:
            names = self._get_imported_names(module, ast.walk(statement))
            context = self._get_context(module, statement, names)
            used = set()
            for node in iter_acting_nodes(statement, context):
                if isinstance(node, ast.Name):
                    used.add(node.id)
            lines = [normalize(statement, context)]
            for name in sorted(used & names.keys()):
                meaning = self._describe_import(name, names[name])
                if meaning:
                    lines.append(meaning)
            self._digests[key] = hashlib.sha256(
                "\n".join(lines).encode()
            ).hexdigest()
        return self._digests[key]

    def _get_context(
        self,
        module: Module,
        statement: ast.stmt,
        names: Mapping[str, tuple[str, str]],
    ) -> Context:
        """Return which names of a statement are loggers, and whether `param` is ours."""
        modules = {
            name
            for name, target in names.items()
            if target[0] in _MESSAGE_MODULES
        }
        # A function may call a tensor `log`: a name that the statement binds is no logger.
        bound = set(iter_names_bound_within(statement))
        # In the package itself, and as users import it.
        sources = (f"{self._package}.{_PARAMETER_MODULE}", self._package)
        is_imported = names.get(PARAMETER_FUNCTION) in [
            (source, PARAMETER_FUNCTION) for source in sources
        ]
        packages = {
            name
            for name, target in names.items()
            if target == (self._package, "")
        }
        return Context(
            frozenset(modules | module.loggers) - bound,
            is_imported and PARAMETER_FUNCTION not in bound,
            frozenset(packages) - bound,
            names.get(METRIC_FUNCTION)
            == (f"{self._package}.{_METRIC_MODULE}", METRIC_FUNCTION)
            and METRIC_FUNCTION not in bound,
        )

    def _describe_import(self, name: str, target: tuple[str, str]) -> str:
        """Return the meaning of an imported name, if its definition alone does not say it.

        Modules of this package are not named: a definition that moves stays the same code.
        """
        full_name = ".".join(target).rstrip(".")
        if not full_name.startswith(f"{self._package}.") and not is_of_plugin(
            target[0]
        ):
            return f"{name} is {full_name}"
        definition = self._tree.resolve(*target)
        original_name = full_name.rpartition(".")[2]
        if definition:
            original_name = definition[1]
        if original_name == name:
            return ""
        return f"{name} is {original_name}"
