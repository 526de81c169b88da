"""`open`: show the page of a sweep in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.completion import complete_sweep
from gensweep.cli.options import Root
from gensweep.core.errors import ResultsError
from gensweep.ledger.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

app = typer.Typer()


@app.command("open")
def open_command(
    sweep: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP",
            help="A sweep's name, its folder, or its sweep file.",
            autocompletion=complete_sweep,
        ),
    ],
    results: Root = "results",
) -> None:
    """Open the page of a sweep in a browser and print its path."""
    from gensweep.report.page import PAGE

    folder = find_sweep_folder(sweep, results).removeprefix("file://")
    if "://" in folder:
        raise ResultsError(
            f"{folder} is in a bucket, which a browser cannot read; "
            f"`gensweep collect {folder} --page report.html` writes its page on this machine"
        )
    page = Path(folder) / PAGE
    if not Path(folder).is_dir():
        raise ResultsError(
            f"there is no sweep {folder!r}{_list_sweeps(results)}; "
            f"--results ({results}) names another root"
        )
    if not page.is_file():
        raise ResultsError(
            f"{page} does not exist; `gensweep collect {folder}` writes it"
        )
    print_line(Console(), str(page))
    # A machine without a browser still has the path.
    webbrowser.open(page.absolute().as_uri())


def _list_sweeps(results: str) -> str:
    """Return which sweeps a local results root has, as a part of an error."""
    from gensweep.ledger.manifest import SWEEP

    if "://" in results or not Path(results).is_dir():
        return ""
    names = sorted(
        path.parent.name for path in Path(results).glob(f"*/{SWEEP}")
    )
    if not names:
        return ""
    return f"; {results} has {', '.join(names)}"
