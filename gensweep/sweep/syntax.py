"""Syntax trees: the part of a statement that can change a number, as text, and the names it binds.

The text leaves out formatting, comments, docstrings, type hints of functions, error messages,
logging and descriptions of parameters. It is equal under every version of Python.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

_SKIPPED_FIELDS = {
    "type_comment",
    "type_params",
    "kind",
    "ctx",
    "lineno",
    "returns",
}
COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.For, ast.While, ast.With)
"""Statements that hold other statements without opening a scope."""
PARAMETER_FUNCTION = "param"
"""The function that declares a parameter: a value and its description."""
METRIC_FUNCTION = "register_metric"
"""The decorator that declares a metric."""
REPORT_KEYWORDS = ("range", "roles", "main_rank")
"""Its arguments that only reports read: they change no measured number."""


@dataclass(frozen=True)
class Context:
    """The meaning of names in one statement, as far as it decides what can change numbers.

    Attributes:
        message_names: names of loggers, and of modules whose calls only tell the user something.
        declares_parameters: whether `param` is this package's declaration of a parameter.
        package_names: names of the package, so that `gs.param` is that declaration.
        declares_metrics: whether `register_metric` is this package's decorator.
    """

    message_names: frozenset[str] = frozenset()
    declares_parameters: bool = False
    package_names: frozenset[str] = frozenset()
    declares_metrics: bool = False


def normalize(
    node: object, context: Context, *, in_function: bool = False
) -> str:
    """Return the parts of a syntax tree that can change numbers, as text.

    Args:
        node: a node, a list of nodes, or a plain value of a field.
        context: the meaning of names in the statement.
        in_function: whether the node is inside a function, where annotations do nothing.
    """
    if isinstance(node, list):
        items = [item for item in node if not _is_idle(item, context)]
        parts = [
            normalize(item, context, in_function=in_function)
            for item in items
        ]
        return f"[{','.join(parts)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Raise):
        # The text of an error changes no number.
        return "Raise()"
    inner = in_function or _is_function(node)
    parts = []
    for name, value in _iter_acting_fields(
        node, context, in_function=in_function
    ):
        parts.append(f"{name}={normalize(value, context, in_function=inner)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _iter_acting_fields(
    node: ast.AST, context: Context, *, in_function: bool
) -> Iterator[tuple[str, object]]:
    """Yield the fields of a node that can change numbers, with their values."""
    if isinstance(node, ast.Call) and _is_parameter_declaration(
        node, context
    ):
        node = ast.Call(
            node.func, node.args[:1], node.keywords
        )  # without its description
    elif isinstance(node, ast.Call) and _is_metric_declaration(node, context):
        acting = [
            one for one in node.keywords if one.arg not in REPORT_KEYWORDS
        ]
        node = ast.Call(node.func, node.args, acting)
    elif isinstance(node, ast.Assert):
        node = ast.Assert(node.test)  # without its message
    for name, value in ast.iter_fields(node):
        is_hint = name == "annotation" and in_function
        # Newer versions of Python have more fields; those that are unused are None or empty.
        is_empty = value is None or value == []
        if name not in _SKIPPED_FIELDS and not is_empty and not is_hint:
            yield name, value


def iter_acting_nodes(
    node: ast.AST, context: Context, *, in_function: bool = False
) -> Iterator[ast.AST]:
    """Yield every node that `normalize` writes."""
    yield node
    if isinstance(node, ast.Raise):
        return
    inner = in_function or _is_function(node)
    for _, value in _iter_acting_fields(
        node, context, in_function=in_function
    ):
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, ast.AST) and not _is_idle(item, context):
                yield from iter_acting_nodes(item, context, in_function=inner)


def get_bound_names(statement: ast.stmt) -> list[str]:
    """Return the names that a top-level statement binds.

    For an `if`, a `try` or a loop these are the names that any of its parts binds.
    """
    if isinstance(
        statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    ):
        return [statement.name]
    if isinstance(statement, COMPOUND):
        names = []
        for inner in _iter_inner_statements(statement):
            names += get_bound_names(inner)
        return list(dict.fromkeys(names))
    targets: Collection[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    names = []
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.append(node.id)
    return names


def _iter_inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    for item in ast.iter_child_nodes(statement):
        if isinstance(item, ast.ExceptHandler):
            yield from item.body
        elif isinstance(item, ast.stmt):
            yield item


def iter_names_bound_within(statement: ast.stmt) -> Iterator[str]:
    """Yield every name that a statement binds, at any depth, arguments of functions included."""
    for node in ast.walk(statement):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and not isinstance(
            node.ctx, ast.Load
        ):
            yield node.id


def get_import_source(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module that something is imported from.

    Args:
        node: the import.
        package: the full name of the package where relative imports begin.
    """
    if not node.level:
        return str(node.module)
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    if node.module:
        base.append(node.module)
    return ".".join(base)


def get_dotted_name(
    node: ast.expr, names: Mapping[str, tuple[str, str]]
) -> str:
    """Return the full name of an expression such as `numpy.random`; empty if it is not known.

    Args:
        node: the expression.
        names: imported name -> its module, and its name there or "".
    """
    if isinstance(node, ast.Attribute):
        inner = get_dotted_name(node.value, names)
        return inner and f"{inner}.{node.attr}"
    if isinstance(node, ast.Name):
        return ".".join(names.get(node.id, ())).rstrip(".")
    return ""


def is_docstring(statement: ast.AST) -> bool:
    """Return whether a statement is only a string, or `...`."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, (str, type(...)))
    )


def is_type_checking(statement: ast.AST) -> bool:
    """Return whether a statement is an `if TYPE_CHECKING`, which never runs."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return ast.unparse(statement.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def is_logger_definition(statement: ast.stmt) -> bool:
    """Return whether a statement is `log = logging.getLogger(...)`."""
    value = getattr(statement, "value", None)
    if not (
        isinstance(statement, (ast.Assign, ast.AnnAssign))
        and isinstance(value, ast.Call)
    ):
        return False
    return ast.unparse(value.func) in ("logging.getLogger", "getLogger")


def _is_parameter_declaration(node: ast.Call, context: Context) -> bool:
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(
        function.value, ast.Name
    ):
        is_ours = function.value.id in context.package_names
        return is_ours and function.attr == PARAMETER_FUNCTION
    is_named = (
        isinstance(function, ast.Name) and function.id == PARAMETER_FUNCTION
    )
    return context.declares_parameters and is_named


def _is_metric_declaration(node: ast.Call, context: Context) -> bool:
    is_named = (
        isinstance(node.func, ast.Name) and node.func.id == METRIC_FUNCTION
    )
    return context.declares_metrics and is_named


def _is_message(statement: ast.AST, context: Context) -> bool:
    """Return whether a statement only calls a logger, or a module of messages."""
    if not (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
    ):
        return False
    function = statement.value.func
    if not (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
    ):
        return False
    return function.value.id in context.message_names


def _is_function(node: ast.AST) -> bool:
    return isinstance(
        node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    )


def _is_idle(item: object, context: Context) -> bool:
    """Return whether an item is a statement that changes no number.

    An import counts where its name is used, so the import itself is idle.
    """
    if not isinstance(item, ast.stmt):
        return False
    if isinstance(item, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    return (
        is_docstring(item)
        or _is_message(item, context)
        or is_type_checking(item)
    )
