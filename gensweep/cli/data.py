"""`data list`, `data fetch`, `data show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.options import Verbose, parse_pairs
from gensweep.core.errors import SweepError
from gensweep.system.terminal import Console

app = typer.Typer(no_args_is_help=True, help="Datasets: what there is, fetch one, look at one.")


@app.command("list")
def data_list_command() -> None:
    """List datasets and digits: count, shape, source, where cached, SHA-256 of the pixels."""
    from gensweep.cli.show_data import show_list

    show_list(Console())


@app.command("fetch")
def data_fetch_command(
    name: Annotated[str, typer.Argument(help="cryptopunks, rijksmuseum or mnist.", metavar="NAME")],
    source: Annotated[
        str | None, typer.Option(metavar="URL", help="Fetch from there: a mirror, or a path.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="rijksmuseum: at most N pictures in all.")
    ] = None,
    years: Annotated[
        str | None,
        typer.Option(
            metavar="A-B", help="rijksmuseum: painted in these years; default: 1600-1700."
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Get a dataset into the cache, once; what is there and whole is not fetched again."""
    from gensweep.cli.show_data import fetch

    fetch(name, {"source": source, "limit": limit, "years": years}, Console())


@app.command("show")
def data_show_command(
    name: Annotated[
        str,
        typer.Argument(
            help="A dataset, or digits: avatars, folder:DIR, mnist, idx:DIR.", metavar="NAME"
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The PNG to write.")] = Path(
        "sheet.png"
    ),
    n: Annotated[int, typer.Option("--n", min=1, help="How many examples.")] = 36,
    seed: Annotated[int, typer.Option(min=0, help="Which examples.")] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter of the dataset."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write a contact sheet of some examples."""
    from gensweep.cli.show_data import show
    from gensweep.sweep.load import parse_value

    values = {}
    for key, texts in parse_pairs("--set", set_).items():
        if len(texts) > 1:
            raise SweepError(f"--set {key}: one value, not {len(texts)}")
        values[key] = parse_value(texts[0])
    show(name, values, n, seed, out, Console())
