"""Digests of the code that acts: what some definitions of this package run, whatever else it holds.

A digest covers top-level functions, classes and constants, and all that they refer to, over every module of the
package, as far as reading the source can tell. It leaves out what changes no number: formatting, comments, docstrings,
type hints of functions, error messages, logging and descriptions of parameters. It does not name modules of the
package, so a definition that moves to another file stays the same code; of other packages it names what is used.
Nothing is imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_SOURCES = {".py", ".pyc", ".pyi", ".typed", ".c", ".h", ".md"}
"""Files beside a module that are no data of it: C has an entry of its own in a record."""
_SKIPPED_FIELDS = {"type_comment", "type_params", "kind", "ctx", "lineno", "returns"}
_MESSAGE_MODULES = {"logging", "warnings"}
"""Modules whose calls, as statements, only tell the user something."""
_PARAMETER_DECLARATION = ("core.config", "param")
"""Module in the package, and function, that declare a parameter: a value and its description."""
_COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.For, ast.While, ast.With)


@dataclass
class Module:
    """One parsed file.

    Attributes:
        definitions: top-level name -> the statements that bind it.
        effects: top-level statements that bind nothing, such as a call.
        imports: name -> the module, and the name in it or "", that it stands for.
        data_files: files of other kinds in the same folder, such as drawings.
        package: the full name of the package that relative imports begin at.
        loggers: top-level names of loggers.
    """

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    data_files: list[Path] = field(default_factory=list)
    package: str = ""
    loggers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Context:
    """What names mean in one statement, as far as it decides what changes numbers.

    Attributes:
        message_names: names of loggers, and of modules whose calls only tell something.
        declares_parameters: whether `param` is this package's declaration of a parameter.
    """

    message_names: frozenset[str] = frozenset()
    declares_parameters: bool = False


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

    def compute_digest(self, roots: Iterable[str], without: Sequence[str] = ()) -> str:
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
            digests.update(self._digest(module, item) for item in module.definitions[name])
        for module in modules.values():
            digests.update(self._digest(module, item) for item in module.effects)
            digests.update(
                hashlib.sha256(path.read_bytes()).hexdigest() for path in module.data_files
            )
        return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:12]

    def list_reached(self, roots: Iterable[str], without: Sequence[str] = ()) -> set[str]:
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

    def _targets_of(
        self, module_name: str, module: Module, statement: ast.stmt
    ) -> Iterator[tuple[str, str]]:
        names = self._names_in(module, ast.walk(statement))
        context = self._context_of(module, statement, names)
        for node in _acting_nodes(statement, context):
            target = None
            if isinstance(node, ast.Name):
                target = self._resolve(*names.get(node.id, (module_name, node.id)))
            elif isinstance(node, ast.Attribute):
                target = self._resolve(_dotted(node.value, names), node.attr)
            if target is not None:
                yield target

    def _names_in(self, module: Module, nodes: Iterable[ast.AST]) -> dict[str, tuple[str, str]]:
        """Return what imports mean in a statement: those of its module, and its own."""
        return module.imports | dict(self._imports_in(nodes, module.package))

    def _digest(self, module: Module, statement: ast.stmt) -> str:
        if id(statement) not in self._digests:
            names = self._names_in(module, ast.walk(statement))
            context = self._context_of(module, statement, names)
            used = {
                node.id for node in _acting_nodes(statement, context) if isinstance(node, ast.Name)
            }
            meanings = [self._meaning_of(name, names[name]) for name in sorted(used & names.keys())]
            text = "\n".join([_normal_form(statement, context), *filter(None, meanings)])
            self._digests[id(statement)] = hashlib.sha256(text.encode()).hexdigest()
        return self._digests[id(statement)]

    def _context_of(
        self, module: Module, statement: ast.stmt, names: Mapping[str, tuple[str, str]]
    ) -> Context:
        modules = {name for name, target in names.items() if target[0] in _MESSAGE_MODULES}
        # A function may call a tensor `log`: a name that the statement binds is no logger.
        bound = set(_names_bound_within(statement))
        declaration = (f"{self._package}.{_PARAMETER_DECLARATION[0]}", _PARAMETER_DECLARATION[1])
        is_declaration = names.get(declaration[1]) == declaration and declaration[1] not in bound
        return Context(frozenset(modules | module.loggers) - bound, is_declaration)

    def _meaning_of(self, name: str, target: tuple[str, str]) -> str:
        """Return what an imported name stands for, where its definition alone does not say it.

        Modules of the package are not named: a definition that moves stays the same code.
        """
        full_name = ".".join(target).rstrip(".")
        if not full_name.startswith(f"{self._package}."):
            return f"{name} is {full_name}"
        definition = self._resolve(*target)
        own_name = definition[1] if definition else full_name.rpartition(".")[2]
        return "" if own_name == name else f"{name} is {own_name}"

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
            self._modules[name] = None  # for modules that import all of each other
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
        is_package = path.name == "__init__.py"
        module = Module(
            data_files=_data_files(path.parent),
            package=name if is_package else name.rpartition(".")[0],
        )
        for statement in ast.parse(path.read_bytes()).body:
            self._enter(module, statement)
        return module

    def _enter(self, module: Module, statement: ast.stmt) -> None:
        """Sort one top-level statement into a module."""
        if _is_docstring(statement) or _is_for_types(statement):
            return
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            module.imports.update(self._imports_in([statement], module.package))
            return
        names = _bound_names(statement)
        if _makes_logger(statement):
            module.loggers.update(names)
        if isinstance(statement, _COMPOUND):
            module.imports.update(self._imports_in(ast.walk(statement), module.package))
        for name in names:
            module.definitions.setdefault(name, []).append(statement)
        if not names or isinstance(statement, _COMPOUND):
            module.effects.append(statement)

    def _imports_in(
        self, nodes: Iterable[ast.AST], package: str
    ) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield each name that is imported, with what it stands for.

        Args:
            nodes: of the syntax tree.
            package: where relative imports begin.
        """
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                source = _source_of(node, package)
                for alias in node.names:
                    if alias.name == "*":
                        yield from self._all_of(source)
                    else:
                        yield alias.asname or alias.name, (source, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield bound, (alias.name if alias.asname else bound, "")

    def _all_of(self, source: str) -> Iterator[tuple[str, tuple[str, str]]]:
        module = self._module(source)
        if module is not None:
            for name in (*module.definitions, *module.imports):
                if not name.startswith("_"):
                    yield name, (source, name)


def _source_of(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module that something is imported from."""
    if not node.level:
        return str(node.module)
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _dotted(node: ast.expr, names: Mapping[str, tuple[str, str]]) -> str:
    """Return the full name of what an expression such as `numpy.random` stands for; empty where nothing says."""
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value, names)
        return inner and f"{inner}.{node.attr}"
    return ".".join(names.get(node.id, ())).rstrip(".") if isinstance(node, ast.Name) else ""


def _bound_names(statement: ast.stmt) -> list[str]:
    """Return the names that a statement binds where it stands; of an `if`, a `try` or a loop, in any of its parts."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, _COMPOUND):
        parts = [
            item
            for item in ast.iter_child_nodes(statement)
            if isinstance(item, (ast.stmt, ast.ExceptHandler))
        ]
        inner = [
            node
            for part in parts
            for node in (part.body if isinstance(part, ast.ExceptHandler) else [part])
        ]
        return list(dict.fromkeys(name for node in inner for name in _bound_names(node)))
    targets: Collection[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    nodes = (node for target in targets for node in ast.walk(target))
    return [
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


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
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _names_bound_within(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id


def _makes_logger(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    if not (isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.Call)):
        return False
    return ast.unparse(value.func) in ("logging.getLogger", "getLogger")


def _is_message(statement: ast.AST, context: Context) -> bool:
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    function = statement.value.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
        return False
    return function.value.id in context.message_names


def _normal_form(node: object, context: Context, *, in_function: bool = False) -> str:
    """Return what of a syntax tree changes numbers, as text that is equal under every version of Python."""
    if isinstance(node, list):
        acting = [item for item in node if not _is_idle(item, context)]
        parts = [_normal_form(item, context, in_function=in_function) for item in acting]
        return f"[{','.join(parts)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Raise):
        return "Raise()"  # what an error says changes no number
    inner = in_function or _is_function(node)
    fields = _acting_fields(node, context, in_function=in_function)
    parts = [f"{name}={_normal_form(value, context, in_function=inner)}" for name, value in fields]
    return f"{type(node).__name__}({','.join(parts)})"


def _acting_fields(
    node: ast.AST, context: Context, *, in_function: bool
) -> Iterator[tuple[str, object]]:
    """Yield what of a node changes numbers."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    if context.declares_parameters and is_call and node.func.id == _PARAMETER_DECLARATION[1]:
        node = ast.Call(node.func, node.args[:1], node.keywords)  # without its description
    elif isinstance(node, ast.Assert):
        node = ast.Assert(node.test)  # without its message
    for name, value in ast.iter_fields(node):
        is_hint = name == "annotation" and in_function
        if name not in _SKIPPED_FIELDS and value is not None and value != [] and not is_hint:
            yield name, value


def _acting_nodes(
    node: ast.AST, context: Context, *, in_function: bool = False
) -> Iterator[ast.AST]:
    """Yield every node that `_normal_form` keeps."""
    yield node
    if isinstance(node, ast.Raise):
        return
    inner = in_function or _is_function(node)
    for _, value in _acting_fields(node, context, in_function=in_function):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST) and not _is_idle(item, context):
                yield from _acting_nodes(item, context, in_function=inner)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def _is_idle(item: object, context: Context) -> bool:
    """Whether a statement changes no number: a docstring, a message, an import, which its name's use stands for."""
    if not isinstance(item, ast.stmt):
        return False
    if isinstance(item, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    return _is_docstring(item) or _is_message(item, context) or _is_for_types(item)
