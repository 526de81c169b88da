"""`show`, `sample`, `interpolate`, `answer`, `evaluate`: one point, looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import Device, Root, Seed, Verbose
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

if TYPE_CHECKING:
    from gensweep.inspect.find import StoredPoint

app = typer.Typer()
Point = Annotated[
    str, typer.Argument(help="A point's id, its beginning, or its folder.", metavar="POINT")
]
Where = Annotated[Device, typer.Option(help="Where to compute.")]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The PNG to write; default: named by the point.")
]


@app.command("show")
def show_command(point: Point, results: Root = "results", verbose: Verbose = False) -> None:
    """Show what is known of one point: status, metrics, parameters, versions, files."""
    from gensweep.cli.show_point import show

    show(point, results, Console())


@app.command("sample")
def sample_command(
    point: Point,
    n: Annotated[int, typer.Option("--n", min=1, help="How many.")] = 64,
    seed: Seed = 0,
    out: Out = None,
    results: Root = "results",
    device: Where = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Write new samples of a trained point: pictures drawn from a prior, or what it makes of test examples."""
    from gensweep.inspect import trained

    kept = find_trained_point(point, results)
    picture = trained.sample(trained.load_trained(kept, device.value), n, seed)
    _picture(out or Path(f"sample-{kept.record.id}.png"), picture)


@app.command("interpolate")
def interpolate_command(
    point: Point,
    rows: Annotated[int, typer.Option(min=1, help="Ways.")] = 4,
    steps: Annotated[int, typer.Option(min=2, help="Pictures on each way.")] = 10,
    seed: Seed = 0,
    out: Out = None,
    results: Root = "results",
    device: Where = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Write pictures on the way between latent vectors of a VAE or GAN: straight above, along great circles below."""
    from gensweep.inspect import trained

    kept = find_trained_point(point, results)
    picture = trained.interpolate(trained.load_trained(kept, device.value), rows, steps, seed)
    _picture(out or Path(f"interpolate-{kept.record.id}.png"), picture)


@app.command("answer")
def answer_command(
    point: Point,
    query: Annotated[str, typer.Argument(help="Such as 12+34.", metavar="QUERY")],
    seed: Seed = 0,
    out: Out = None,
    results: Root = "results",
    device: Where = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Put a query to a trained point: prints the answer, and writes it where the point draws its answers."""
    from gensweep.inspect import answer, trained

    kept = find_trained_point(point, results)
    said = answer.answer(trained.load_trained(kept, device.value), query, seed)
    verdict = (
        ""
        if said.right is None
        else " (right)"
        if said.text == said.right
        else f" (is {said.right})"
    )
    read = "" if said.picture is None else ", as the reader reads it"
    print_line(Console(), f"{query} = {said.text or 'nothing'}{verdict}{read}")
    if said.picture is not None:
        _picture(out or Path(f"answer-{kept.record.id}.png"), said.picture)
    elif said.query_picture is not None and out is not None:
        _picture(out, said.query_picture)


@app.command("evaluate")
def evaluate_command(
    point: Point,
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="DIGITS", help="The test with other digits: mnist, idx:DIR, npz:FILE."
        ),
    ] = None,
    results: Root = "results",
    device: Where = Device.auto,
    verbose: Verbose = False,
) -> None:
    """Test a trained point again, with its own digits or others; fill in what it lacks. Prints JSON."""
    from gensweep.inspect import evaluate, trained

    revived = trained.load_trained(find_trained_point(point, results), device.value, digits)
    print_line(Console(), evaluate.to_json(evaluate.evaluate(revived, digits)))


def find_trained_point(point: str, results: str) -> StoredPoint:
    """Return a trained point; an error about it comes before torch is imported."""
    from gensweep.inspect import find

    return find.find_trained_point(point, results)


def _picture(path: Path, content: bytes) -> None:
    from gensweep.inspect.trained import write_image

    write_image(path, content)
    print_line(Console(), f"Wrote {path}.")
