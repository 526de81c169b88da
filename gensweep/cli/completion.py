"""Shell completion: sweep files, sweeps, points and names of `list`, without torch or Ray."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Collection, Iterator, MutableMapping
from pathlib import Path

import typer

ACTIVE = "_GENSWEEP_COMPLETE"
"""The environment variable with which the shell's script asks for completions."""
_ARGUMENTS = "_TYPER_COMPLETE_ARGS"
"""The command line so far, in all shells but bash."""
_MAX_POINTS = 200


def insert_run(
    environment: MutableMapping[str, str], commands: Collection[str]
) -> None:
    """Insert the word `run`, which is optional, into the line that the shell completes.

    Args:
        environment: that of a call for completion; it is changed.
        commands: the names of all commands.
    """
    with contextlib.suppress(LookupError, ValueError):
        if "COMP_WORDS" in environment:
            words = _split(environment["COMP_WORDS"])
            number = int(environment["COMP_CWORD"])
            if _lacks_command(words[1], commands, is_complete=number > 1):
                line = environment["COMP_WORDS"]
                environment["COMP_WORDS"] = _insert_second(line)
                environment["COMP_CWORD"] = str(number + 1)
        else:
            line = environment[_ARGUMENTS]
            words = _split(line)
            is_complete = len(words) > 2 or line.endswith(" ")
            if _lacks_command(words[1], commands, is_complete=is_complete):
                environment[_ARGUMENTS] = _insert_second(line)


def _split(line: str) -> list[str]:
    """Return the words of a line, of which the last may have an open quote."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _insert_second(line: str) -> str:
    program, rest = line.split(maxsplit=1)
    return f"{program} run {rest}"


def _lacks_command(
    word: str, commands: Collection[str], *, is_complete: bool
) -> bool:
    """Return True if the first word after the program is, or becomes, a sweep file."""
    if word.startswith("-"):
        return False
    if is_complete:
        return word not in commands
    return not any(command.startswith(word) for command in commands)


def complete_sweep_file(incomplete: str) -> list[str]:
    """Return the Python files and folders that begin with the text, and files in `sweeps/`."""
    folder, _, start = incomplete.rpartition("/")
    parent = Path(folder or ("/" if incomplete.startswith("/") else "."))
    prefix = incomplete[: len(incomplete) - len(start)]
    candidates = [
        f"{prefix}{name}"
        for name in _list_python(parent, start, folders=True)
    ]
    if not folder and "sweeps/".startswith(start):
        names = _list_python(Path("sweeps"), "", folders=False)
        candidates += [f"sweeps/{name}" for name in names]
    return candidates


def _list_python(folder: Path, start: str, *, folders: bool) -> Iterator[str]:
    for name in _list_names(folder):
        is_hidden = name.startswith((".", "_"))
        if is_hidden or not name.startswith(start):
            continue
        if name.endswith(".py"):
            yield name
        elif folders and (folder / name).is_dir():
            yield f"{name}/"


def _list_names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def complete_sweep(context: typer.Context, incomplete: str) -> list[str]:
    """Return the sweeps of the results root that begin with the text, and sweep files."""
    root = _get_root(context)
    names = [
        name
        for name in _list_names(root)
        if name.startswith(incomplete)
        and (root / name / "sweep.json").is_file()
    ]
    return names + complete_sweep_file(incomplete)


def complete_point(context: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of points that begin with the text."""
    ids = _list_names(_get_root(context) / "points")
    matches = [
        one
        for one in ids
        if one.startswith(incomplete) and not one.startswith(".")
    ]
    return matches[:_MAX_POINTS]


def complete_point_or_sweep(
    context: typer.Context, incomplete: str
) -> list[str]:
    """Return sweeps and ids of points that begin with the text."""
    sweeps = complete_sweep(context, incomplete)
    return sweeps + complete_point(context, incomplete)


def _get_root(context: typer.Context) -> Path:
    """Return the results root; a bucket is never asked, since the user waits."""
    root = context.params.get("results") or os.environ.get("GENSWEEP_RESULTS")
    return Path(str(root or "results"))


def complete_entry(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the kind that `list` has been given."""
    from gensweep.cli.show_registry import REGISTRIES

    kind = context.params.get("kind")
    names = REGISTRIES.get(str(kind), {})
    return sorted(name for name in names if name.startswith(incomplete))
