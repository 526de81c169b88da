"""Digests of the code that acts: what some definitions of this package run, whatever else it holds.

A digest covers top-level functions, classes and constants, and all that they refer to, over every module of the
package, as far as reading the source can tell. It leaves out what changes no number: formatting, comments, docstrings,
type hints of functions, error messages, logging and descriptions of parameters. It does not name modules, so a
definition that moves to another file stays the same code. Nothing is imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_SOURCES = {".py", ".pyc", ".pyi", ".typed", ".c", ".h", ".md"}
"""Files beside a module that are no data of it: C has an entry of its own in a record."""
_SKIPPED_FIELDS = {"type_comment", "type_params", "kind", "ctx", "lineno", "returns"}
_LOGGERS = {"log", "logging", "warnings"}


@dataclass
class Module:
    """One parsed file.

    Attributes:
        definitions: top-level name -> the statements that bind it.
        effects: top-level statements that bind nothing, such as a call.
        imports: name -> the module, and the name in it or "", that it stands for; of this package alone.
        data_files: files of other kinds in the same folder, such as drawings.
    """

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    data_files: list[Path] = field(default_factory=list)


class SourceTree:
    """The source of a package, read file by file as it is asked for.

    Args:
        folder: the package's folder; its name is the package's name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: dict[str, Module | None] = {}
        self._digests: dict[int, str] = {}  # by the id of a statement: the modules keep them alive
        self._targets: dict[int, set[tuple[str, str]]] = {}

    @cached_property
    def _package(self) -> str:
        return self.folder.name

    def digest(self, roots: Iterable[str], without: Sequence[str] = ()) -> str:
        """Return the digest of some definitions and of all that they refer to.

        Args:
            roots: such as `gensweep.train.loop.Training`.
            without: beginnings of full names that do not count, nor what only they refer to.

        Returns:
            Twelve hexadecimal digits.

        Raises:
            LookupError: a root is not there.
            SyntaxError, OSError: a file cannot be read.
        """
        digests = set()
        modules = {}
        for module_name, name in self._reach(roots, tuple(without)):
            module = modules[module_name] = self._existing(module_name)
            digests.update(map(self._digest, module.definitions[name]))
        for module in modules.values():
            digests.update(map(self._digest, module.effects))
            digests.update(hashlib.sha256(path.read_bytes()).hexdigest() for path in module.data_files)
        return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:12]

    def reached(self, roots: Iterable[str], without: Sequence[str] = ()) -> set[str]:
        """Return the full names of the definitions that `digest` covers."""
        return {f"{module}.{name}" for module, name in self._reach(roots, tuple(without))}

    def _reach(self, roots: Iterable[str], without: tuple[str, ...]) -> set[tuple[str, str]]:
        pending = []
        for root in roots:
            module_name, _, name = root.rpartition(".")
            target = self._resolve(module_name, name)
            if target is None:
                raise LookupError(f"{root} is not in {self.folder}")
            pending.append(target)
        seen: set[tuple[str, str]] = set()
        while pending:
            target = pending.pop()
            if target in seen or _begins_with(".".join(target), without):
                continue
            seen.add(target)
            pending.extend(self._references(*target))
        return seen

    def _references(self, module_name: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield the definitions that one definition, and its module's top-level calls, refer to."""
        module = self._existing(module_name)
        for statement in [*module.definitions[name], *module.effects]:
            if id(statement) not in self._targets:
                self._targets[id(statement)] = set(self._targets_of(module_name, module, statement))
            yield from self._targets[id(statement)]

    def _targets_of(self, module_name: str, module: Module, statement: ast.stmt) -> Iterator[tuple[str, str]]:
        nodes = list(ast.walk(statement))
        names = module.imports | dict(self._imports_in(nodes))
        for node in nodes:
            target = None
            if isinstance(node, ast.Name):
                target = self._resolve(*names.get(node.id, (module_name, node.id)))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                imported = ".".join(names.get(node.value.id, ())).rstrip(".")
                target = self._resolve(imported, node.attr)
            if target is not None:
                yield target

    def _digest(self, statement: ast.stmt) -> str:
        if id(statement) not in self._digests:
            text = _normal_form(statement)
            self._digests[id(statement)] = hashlib.sha256(text.encode()).hexdigest()
        return self._digests[id(statement)]

    def _resolve(self, module_name: str, name: str) -> tuple[str, str] | None:
        """Return where a name is defined, imports followed; None for a module, or for what is not there."""
        module = self._module(module_name)
        if module is None or not name:
            return None
        if name in module.definitions:
            return module_name, name
        if name in module.imports:
            return self._resolve(*module.imports[name])
        return None

    def _existing(self, name: str) -> Module:
        module = self._module(name)
        assert module is not None, "only names of modules that were read are reached"
        return module

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        package, *parts = name.split(".")
        if package != self._package:
            return None
        path = self.folder.joinpath(*parts)
        path = path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
        if not path.is_file():
            return None
        module = Module(data_files=_data_files(path.parent))
        for statement in ast.parse(path.read_bytes()).body:
            self._enter(module, statement)
        return module

    def _enter(self, module: Module, statement: ast.stmt) -> None:
        """Sort one top-level statement into a module."""
        if _is_docstring(statement) or _is_for_types(statement):
            return
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            module.imports.update(self._imports_in([statement]))
            return
        names = _bound_names(statement)
        for name in names:
            module.definitions.setdefault(name, []).append(statement)
        if not names:
            module.effects.append(statement)

    def _imports_in(self, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, tuple[str, str]]]:
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == self._package:
                for alias in node.names:
                    yield alias.asname or alias.name, (str(node.module), alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == self._package and alias.asname:
                        yield alias.asname, (alias.name, "")


def _bound_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    targets: Collection[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    nodes = (node for target in targets for node in ast.walk(target))
    return [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _data_files(folder: Path) -> list[Path]:
    """Return the files of a package's folder that are no source, those of inner packages aside."""
    files = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix not in _SOURCES and not path.name.startswith("."):
            files.append(path)
        elif path.is_dir() and path.name != "__pycache__" and not any(path.glob("*.py")):
            files.extend(_data_files(path))
    return files


def _begins_with(name: str, beginnings: tuple[str, ...]) -> bool:
    return any(name.startswith(beginning) for beginning in beginnings)


def _is_docstring(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, (str, type(...)))
    )


def _is_for_types(statement: ast.AST) -> bool:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)


def _is_logging(statement: ast.AST) -> bool:
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    function = statement.value.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
        return False
    return function.value.id in _LOGGERS


def _normal_form(node: object, *, in_function: bool = False) -> str:
    """Return what of a syntax tree changes numbers, as text that is equal under every version of Python."""
    if isinstance(node, list):
        parts = [_normal_form(item, in_function=in_function) for item in node if not _is_idle(item)]
        return f"[{','.join(parts)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Raise):
        return "Raise()"  # what an error says changes no number
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "param":
        node = ast.Call(node.func, node.args[:1], node.keywords)  # without its description
    inner = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    parts = []
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED_FIELDS or value is None or value == []:
            continue
        if name == "annotation" and in_function:
            continue
        parts.append(f"{name}={_normal_form(value, in_function=inner)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _is_idle(item: object) -> bool:
    """Whether a statement changes no number: a docstring, a message, an import, which its name's use stands for."""
    if not isinstance(item, ast.stmt):
        return False
    if isinstance(item, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    return _is_docstring(item) or _is_logging(item) or _is_for_types(item)
