"""`new`: write a task or a model to start from, with a sweep and a test of it."""

from __future__ import annotations

import re
from enum import StrEnum
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

app = typer.Typer()
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Kind(StrEnum):
    """The kinds of what can be written."""

    task = "task"
    model = "model"


@app.command("new")
def new_command(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="task: any function that trains; model: a network for gensweep's own loop."
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Its name: small letters, digits and '_'."
        ),
    ],
) -> None:
    """Write a task or a model to start from, a sweep of it and a test."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is not a name of small letters, digits and '_'"
        )
    if name in MODELS:
        raise UserError(
            f"{kind.value} {name!r} exists already; choose another name"
        )
    if find_spec(name) is not None and not Path(f"{name}.py").exists():
        raise UserError(
            f"{name!r} is a module of Python or of an installed package, and {name}.py would be "
            "imported in its place; choose another name"
        )
    title = name.title().replace("_", "")
    templates = files("gensweep.cli") / "templates"
    contents = {}
    for template, path in (
        (f"{kind.value}.txt", Path(f"{name}.py")),
        ("sweep.txt", Path(f"{name}_sweep.py")),
        ("test.txt", Path(f"test_{name}.py")),
    ):
        text = (templates / template).read_text(encoding="utf-8")
        swept = (
            "width=[16, 64]"
            if kind is Kind.task
            else "filters=[4, 8], count=200"
        )
        text = (
            text.replace("@NAME@", name)
            .replace("@TITLE@", title)
            .replace("@SWEPT@", swept)
        )
        contents[path] = text
    existing = [str(path) for path in contents if path.exists()]
    if existing:
        raise UserError(f"{existing[0]} exists already; nothing was written")
    console = Console()
    for path, text in contents.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{path} cannot be written: {error.strerror}"
            ) from error
        print_line(console, f"Wrote {path}.")
    print_line(console, f"Check it with: gensweep check {name}.py")
    print_line(console, f"Run it with: gensweep {name}_sweep.py")
