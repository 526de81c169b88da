"""`show`, `sample`, `interpolate`, `answer`, `evaluate`: look at one trained point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.completion import complete_point, complete_point_or_sweep
from gensweep.cli.options import Device, Root, Seed, Verbose
from gensweep.ledger.sweep_folder import find_sweep
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

if TYPE_CHECKING:
    from gensweep.inspect.answer import Answer
    from gensweep.inspect.find import StoredPoint

app = typer.Typer()
Point = Annotated[
    str,
    typer.Argument(
        metavar="POINT",
        help="A point's id, the start of its id, or its folder.",
        autocompletion=complete_point,
    ),
]
ComputeDevice = Annotated[Device, typer.Option(help="Device to compute on.")]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="PNG file to write; default: named after the point.",
    ),
]


@app.command("show")
def show_command(
    point: Point, results: Root = "results", verbose: Verbose = False
) -> None:
    """Show the record of a point: status, metrics, parameters, versions, files."""
    from gensweep.cli.show_point import show_point

    show_point(point, results, Console())


@app.command("sample")
def sample_command(
    point: Point,
    n: Annotated[
        int, typer.Option("--n", min=1, help="Number of samples.")
    ] = 64,
    seed: Seed = 0,
    out: Out = None,
    results: Root = "results",
    device: ComputeDevice = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Write new samples of a trained point: pictures from a prior, or outputs for test examples."""
    stored = find_trained_point(point, results)
    from gensweep.inspect import trained

    picture = trained.sample(
        trained.load_trained(stored, device.value), n, seed
    )
    _write_picture(out or Path(f"sample-{stored.record.id}.png"), picture)


@app.command("interpolate")
def interpolate_command(
    point: Point,
    rows: Annotated[
        int, typer.Option(min=1, help="Number of interpolation paths.")
    ] = 4,
    steps: Annotated[int, typer.Option(min=2, help="Images per path.")] = 10,
    seed: Seed = 0,
    out: Out = None,
    results: Root = "results",
    device: ComputeDevice = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Write images between latent vectors of a VAE or GAN: linear on top, spherical below."""
    stored = find_trained_point(point, results)
    from gensweep.inspect import trained

    loaded = trained.load_trained(stored, device.value)
    picture = trained.interpolate(loaded, rows, steps, seed)
    _write_picture(
        out or Path(f"interpolate-{stored.record.id}.png"), picture
    )


@app.command("answer")
def answer_command(
    point: Point,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="A query, such as 12+34.")
    ],
    seed: Seed = 0,
    out: Out = None,
    results: Root = "results",
    device: ComputeDevice = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Print a trained point's answer to a query, and write it as a PNG if the model draws it."""
    stored = find_trained_point(point, results)
    from gensweep.inspect import trained
    from gensweep.inspect.answer import answer

    reply = answer(trained.load_trained(stored, device.value), query, seed)
    text = reply.text or "nothing"
    line = f"{query} = {text}{_judge(reply)}"
    if reply.picture is not None:
        line += ", as the reader reads it"
    print_line(Console(), line)
    if reply.picture is not None:
        _write_picture(
            out or Path(f"answer-{stored.record.id}.png"), reply.picture
        )
    elif reply.query_picture is not None and out is not None:
        _write_picture(out, reply.query_picture)


def _judge(reply: Answer) -> str:
    if reply.right is None:
        return ""
    if reply.text == reply.right:
        return " (right)"
    return f" (is {reply.right})"


@app.command("evaluate")
def evaluate_command(
    point: Annotated[
        str,
        typer.Argument(
            metavar="POINT|SWEEP",
            help="A point's id, its start, or its folder; or a sweep's name, folder or file.",
            autocompletion=complete_point_or_sweep,
        ),
    ],
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="DIGITS",
            help="Test with other digits: mnist, idx:DIR or npz:FILE.",
        ),
    ] = None,
    results: Root = "results",
    device: ComputeDevice = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Test a trained point, or all points of a sweep, again; add missing metrics to the records.

    Print JSON for a point, and a line per point for a sweep.
    """
    sweep = find_sweep(point, results)
    if sweep is not None:
        from gensweep.inspect.evaluate_sweep import evaluate_sweep

        raise typer.Exit(
            evaluate_sweep(sweep, device.value, digits, Console())
        )
    stored = find_trained_point(point, results)
    from gensweep.inspect import trained
    from gensweep.inspect.evaluate import evaluate, to_json

    loaded = trained.load_trained(stored, device.value, digits)
    print_line(Console(), to_json(evaluate(loaded, digits)))


def find_trained_point(point: str, results: str) -> StoredPoint:
    """Return a trained point; call it before torch is imported, so that errors come at once."""
    from gensweep.inspect import find

    return find.find_trained_point(point, results)


def _write_picture(path: Path, content: bytes) -> None:
    from gensweep.inspect.trained import write_image

    write_image(path, content)
    print_line(Console(), f"Wrote {path}.")
