"""`data list`, `data fetch`, `data show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.options import Verbose, parse_pairs
from gensweep.core.errors import SweepError
from gensweep.system.terminal import Console

app = typer.Typer(
    no_args_is_help=True, help="List, download and preview datasets."
)


@app.command("list")
def data_list_command() -> None:
    """List datasets and digits: count, shape, source, cached file, SHA-256 of the pixels."""
    from gensweep.cli.list_data import list_data

    list_data(Console())


@app.command("fetch")
def data_fetch_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="cryptopunks, rijksmuseum or mnist."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Download from a mirror, or copy from a path."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="rijksmuseum: maximum number of pictures in total.",
        ),
    ] = None,
    years: Annotated[
        str | None,
        typer.Option(
            metavar="A-B",
            help="rijksmuseum: the years of painting; default: 1600-1700.",
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Download a dataset into the cache; files that are already complete are kept."""
    from gensweep.cli.show_data import fetch

    fetch(name, {"source": source, "limit": limit, "years": years}, Console())


@app.command("show")
def data_show_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A dataset or a source of digits: avatars, folder:DIR, mnist, idx:DIR.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="PNG file to write.")
    ] = Path("sheet.png"),
    n: Annotated[
        int, typer.Option("--n", min=1, help="Number of examples.")
    ] = 36,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed that chooses the examples.")
    ] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a parameter of the dataset.",
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write a contact sheet of some examples."""
    from gensweep.cli.show_data import show_examples
    from gensweep.core.values import parse_value

    values = {}
    for key, texts in parse_pairs("--set", set_).items():
        if len(texts) > 1:
            raise SweepError(f"--set {key}: give one value, not {len(texts)}")
        values[key] = parse_value(texts[0])
    show_examples(name, values, n, seed, out, Console())
