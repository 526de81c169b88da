"""The commands that reproduce a sweep's numbers."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gensweep.ledger.status import Status
from gensweep.report.page.calls import parse_call
from gensweep.system.naming import PINNED
from gensweep.system.terminal import split_command_line

if TYPE_CHECKING:
    from gensweep.report.results import Results

NEW_RESULTS = "again"
"""The results folder of a repetition: in the old one there would be nothing to do."""
_REPEATED_OPTIONS = ("--set", "--seeds")


class Commands:
    """Commands to type, made of the sweep file and the options that were typed for the sweep."""

    def __init__(self, results: Results) -> None:
        self._results = results
        command = (results.sweep.model_extra or {}).get("command") or ""
        self._call = parse_call(str(command))
        words = [] if self._call else _split(str(command))
        files = [word for word in words if word.endswith(".py")]
        # Without a command in sweep.json, the usual path of a sweep file is a good guess.
        files.append(f"sweeps/{results.sweep.name}.py")
        self._base = ["python", "-m", "gensweep", files[0]]
        for option in _REPEATED_OPTIONS:
            self._base += _find_option(words, option)
        self._results_option = _choose_results_option(
            words, results.store.root_uri
        )

    @property
    def full(self) -> str:
        """The command that runs everything once more, in a new results folder."""
        if self._call:
            return self._call.write(results=NEW_RESULTS)
        return shlex.join([*self._base, "--results", NEW_RESULTS])

    @property
    def repair(self) -> str:
        """The command that trains what is missing or failed; empty if a run would do nothing."""
        counts = self._results.counts
        if not counts[Status.MISSING] + counts[Status.FAILED]:
            return ""
        if self._call:
            options = {"retry_failed": True} if counts[Status.FAILED] else {}
            root = self._results.store.root_uri
            return self._call.write(results=root, **options)
        words = [*self._base, *self._results_option]
        if counts[Status.FAILED]:
            words.append("--retry-failed")
        return shlex.join(words)

    def build_cell_command(self, cell: str, model: str) -> str:
        """Return the command that runs every seed of one cell, in a new results folder.

        It is empty if the sweep has a search: a search cannot be filtered.
        """
        if self._results.searches:
            return ""
        params = self._results.params[cell]
        filters = {}
        if len(self._results.models) > 1:
            filters["model"] = model
        for name in self._results.varying_of[model]:
            if name in params:
                filters[name] = params[name]
        if self._call:
            values = {
                name: self._get_pinned(name, value)
                for name, value in filters.items()
            }
            return self._call.write(results=NEW_RESULTS, filter=values)
        words = list(self._base)
        for name, value in filters.items():
            words += ["--filter", f"{name}={self._format_value(name, value)}"]
        return shlex.join([*words, "--results", NEW_RESULTS])

    def _format_value(self, name: str, value: Any) -> str:
        """Return a parameter's value as `--filter` takes it."""
        if value is None or isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, str):
            return repr(value)
        return self._get_pinned(name, value).replace(",", "\\,")

    def _get_pinned(self, name: str, value: Any) -> Any:
        """Return a value; the user's own data by its content, since the folder may have moved."""
        pinned = self._results.names.get_value(name, value)
        if isinstance(pinned, str) and PINNED.fullmatch(pinned):
            return pinned
        return value


def _choose_results_option(words: Sequence[str], root: str) -> list[str]:
    """Return the option that names the results root.

    It is as it was typed if that leads to ``root`` from the current folder. Without a typed command
    there is no option, since the complete command is then a guess.
    """
    if not words:
        return []
    typed = _find_option(words, "--results")
    value = "results"
    if typed:
        value = typed[-1].removeprefix("--results=")
    try:
        typed_root = value
        if "://" not in value:
            typed_root = os.path.realpath(os.path.expanduser(value))
    except ValueError:
        # A zero byte, which only a damaged sweep.json holds.
        typed_root = ""
    if root == typed_root:
        return typed
    return ["--results", root]


def _split(command: str) -> list[str]:
    try:
        return split_command_line(command)
    except ValueError:
        # An open quote: not a command that anybody could have run.
        return []


def _find_option(words: Sequence[str], option: str) -> list[str]:
    """Return the words of an option with its value, for each time that it occurs."""
    matches = []
    for index, word in enumerate(words):
        if word == option:
            matches += words[index : index + 2]
        elif word.startswith(f"{option}="):
            matches.append(word)
    return matches
