"""`sync`: what W&B logged offline, uploaded."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.options import Root, Verbose
from gensweep.cli.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console

app = typer.Typer()


@app.command("sync")
def sync_command(
    folders: Annotated[
        list[str],
        typer.Argument(help="Folders of sweeps, such as results/layers.", metavar="FOLDER..."),
    ],
    results: Root = "results",
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Show what there is to upload and stop.")
    ] = False,
    wandb_project: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="W&B's project; default: the one that each run was logged to."
        ),
    ] = None,
    wandb_entity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="W&B's user or team; default: the one that each run was logged to, else WANDB_ENTITY, else your "
            "login's.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, help="Give up after so long without any progress."),
    ] = 120.0,
    verbose: Verbose = False,
) -> None:
    """Upload the runs that W&B logged offline, or not to their end; again, and only what is missing is uploaded."""
    from gensweep.tracking.sync import sync

    named = [find_sweep_folder(folder, results) for folder in folders]
    whole = sync(named, Console(), wandb_project, wandb_entity, dry, timeout)
    raise typer.Exit(0 if whole else 1)
