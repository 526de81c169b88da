"""`sync`: upload what W&B logged offline."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.options import Root, Verbose
from gensweep.ledger.sweep_folder import find_sweep_folders
from gensweep.system.terminal import Console

app = typer.Typer()


@app.command("sync")
def sync_command(
    folders: Annotated[
        list[str],
        typer.Argument(
            help="Folders of sweeps, such as results/layers.",
            metavar="FOLDER",
        ),
    ],
    results: Root = "results",
    dry: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would be uploaded and exit."
        ),
    ] = False,
    wandb_project: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="W&B project; default: the project that each run was logged to.",
        ),
    ] = None,
    wandb_entity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="W&B user or team; default: the entity that each run was logged to, else "
            "WANDB_ENTITY, else the default of your login.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="Give up after this time without progress.",
        ),
    ] = 120.0,
    verbose: Verbose = False,
) -> None:
    """Upload the runs that W&B logged offline or incompletely.

    Repeat the command after an interruption: it uploads only what is missing.
    """
    from gensweep.tracking.sync import sync

    paths = find_sweep_folders(folders, results)
    is_complete = sync(
        paths, Console(), wandb_project, wandb_entity, dry, timeout
    )
    raise typer.Exit(0 if is_complete else 1)
