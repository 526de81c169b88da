"""Calls of Python that repeat a run, for sweeps that a script or a notebook ran."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

PREFIX = "sweep.run("
_REPEATED = ("set", "seeds")


class Call:
    """A call of `sweep.run` as sweep.json records it.

    Attributes:
        arguments: name -> its source, of the arguments of the call.
    """

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.arguments = dict(arguments)

    def write(self, **others: Any) -> str:
        """Return a call with other arguments, and with the values and seeds of this one."""
        texts = [
            f"{name}={source}"
            for name, source in self.arguments.items()
            if name in _REPEATED
        ]
        texts += [f"{name}={value!r}" for name, value in others.items()]
        return f"{PREFIX}{', '.join(texts)})"


def parse_call(command: str) -> Call | None:
    """Return a recorded command as a call of Python; None if it is a command line."""
    if not command.startswith(PREFIX):
        return None
    try:
        expression = ast.parse(command, mode="eval").body
    except (SyntaxError, ValueError):
        return Call({})
    if not isinstance(expression, ast.Call):
        return Call({})
    arguments = {}
    for keyword in expression.keywords:
        if keyword.arg is not None:
            arguments[keyword.arg] = ast.unparse(keyword.value)
    return Call(arguments)
