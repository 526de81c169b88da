"""The commands that make a sweep's numbers again."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from gensweep.ledger.records import FAILED, MISSING
from gensweep.system.naming import PINNED

if TYPE_CHECKING:
    from gensweep.report.results import Results

FRESH = "again"
"""The results folder of a repetition: in the old one there would be nothing to do."""
_KEPT = ("--set", "--seeds")


class Commands:
    """What to type, from the sweep file and the options that were typed."""

    def __init__(self, results: Results) -> None:
        self._results = results
        words = _words(str((results.sweep.model_extra or {}).get("command") or ""))
        files = [word for word in words if word.endswith(".py")]
        file = files[0] if files else f"sweeps/{results.sweep.name}.py"
        kept = [part for option in _KEPT for part in _options(words, option)]
        self._base = ["python", "-m", "gensweep", file, *kept]
        self._root = _root(words, results.store.root_uri)

    @property
    def full(self) -> str:
        """Everything once more, in a results folder of its own."""
        return shlex.join([*self._base, "--results", FRESH])

    @property
    def repair(self) -> str:
        """What is missing or failed, where the rest is; empty where a run would find nothing to do."""
        counts = self._results.counts
        if not counts[MISSING] + counts[FAILED]:
            return ""
        return shlex.join([*self._base, *self._root, *["--retry-failed"] * (counts[FAILED] > 0)])

    def build_cell_command(self, cell: str, model: str) -> str:
        """One cell, every seed of it, in a results folder of its own."""
        filters = {"model": model} if len(self._results.models) > 1 else {}
        params = self._results.params[cell]
        filters |= {
            name: params[name] for name in self._results.varying_of[model] if name in params
        }
        pairs = [f"{name}={self._typed(name, value)}" for name, value in filters.items()]
        return shlex.join(
            [
                *self._base,
                *(part for pair in pairs for part in ("--filter", pair)),
                "--results",
                FRESH,
            ]
        )

    def _typed(self, name: str, value: Any) -> str:
        """A parameter's value as `--filter` takes it: the user's own data by its content, wherever it lies by then."""
        if value is None or isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, str):
            return repr(value)
        named = self._results.names.get_value(name, value)
        text = named if isinstance(named, str) and PINNED.fullmatch(named) else value
        return text.replace(",", "\\,")


def _root(words: list[str], root: str) -> list[str]:
    """The option that names the results root: as it was typed where that leads to ``root`` from here.

    Nothing where the call is not known: all of the command is a guess then.
    """
    if not words:
        return []
    typed = _options(words, "--results")
    value = typed[-1].removeprefix("--results=") if typed else "results"
    try:
        there = value if "://" in value else os.path.realpath(os.path.expanduser(value))
    except ValueError:  # a zero byte, which nobody typed
        there = ""
    if root == there:
        return typed
    return ["--results", root]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _options(words: list[str], option: str) -> list[str]:
    """An option with its value, each time that it was given."""
    found = []
    for place, word in enumerate(words):
        if word == option:
            found += words[place : place + 2]
        elif word.startswith(f"{option}="):
            found.append(word)
    return found
