"""`list`: the models, datasets, metrics, tables, figures and sweeps that exist."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gensweep.cli.completion import complete_entry
from gensweep.system.terminal import Console

app = typer.Typer()


class Kind(StrEnum):
    """The kinds of entries that `list` can show."""

    models = "models"
    datasets = "datasets"
    metrics = "metrics"
    tables = "tables"
    figures = "figures"
    sweeps = "sweeps"


@app.command("list")
def list_command(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Show this entry alone, in full.",
            autocompletion=complete_entry,
        ),
    ] = None,
) -> None:
    """List the models, datasets, metrics, tables, figures or sweeps that exist."""
    from gensweep.cli.show_registry import show_entry, show_kind

    if name is None:
        show_kind(kind.value, Console())
    else:
        show_entry(kind.value, name, Console())
