"""`collect`: write the tables, figures and pages of finished sweeps."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.completion import complete_sweep
from gensweep.cli.options import Root
from gensweep.core.errors import UserError
from gensweep.ledger.sweep_folder import find_sweep_folders
from gensweep.system.terminal import Console

app = typer.Typer()


@app.command("collect")
def collect_command(
    folders: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER",
            help="Folders of sweeps, such as results/layers.",
            autocompletion=complete_sweep,
        ),
    ],
    results: Root = "results",
    page: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write one page of all sweeps to this file; "
            "default for several sweeps: report.html in their common parent.",
        ),
    ] = None,
    watching: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Keep regenerating whenever records change, until all points are done.",
        ),
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="With --watch: time between two checks of the records; default: 10.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show tracebacks.")
    ] = False,
) -> None:
    """Write tables, figures and report.html from the records, and print the tables."""
    from gensweep.ledger.open_store import canonical_uri
    from gensweep.report.page.collect_many import (
        DEFAULT_INTERVAL_SECONDS,
        collect_all,
        watch,
    )

    console = Console()
    paths = find_sweep_folders(folders, results)
    # Two spellings of one folder are one sweep.
    unique = list({canonical_uri(path): path for path in paths}.values())
    if every is not None and not watching:
        raise UserError("--every needs --watch")
    if watching:
        watch(unique, page, every or DEFAULT_INTERVAL_SECONDS, console)
    else:
        collect_all(unique, page, console)
