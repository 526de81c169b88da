"""`check`: train a user's tasks and models at tiny settings, and check their contract."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.system.terminal import Console
from gensweep.system.text import print_line

app = typer.Typer()
_STYLES = {True: "green", False: "red", None: "yellow"}


@app.command("check")
def check_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A file such as mymodel.py, or an importable module.",
        ),
    ],
) -> None:
    """Train the tasks and models of a file at tiny settings and check that they keep the rules.

    The exit status is 1 if a rule is broken.
    """
    from gensweep.inspect.check import open_plugin

    console = Console()
    plugin, names = open_plugin(file)
    from gensweep.inspect.contract import check_plugin  # imports torch

    broken = 0
    for finding in check_plugin(plugin, names):
        print_line(console, str(finding), _STYLES[finding.is_ok])
        broken += finding.is_ok is False
    raise typer.Exit(1 if broken else 0)
