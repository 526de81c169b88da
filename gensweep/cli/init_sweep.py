"""`init`: write a sweep file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gensweep.core.errors import UserError
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

app = typer.Typer()
EXAMPLE = '''\
"""One model that learns arithmetic in about two minutes: text to text, with two learning rates."""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="demo",
    grids=[
        Grid(
            "text_to_text",
            hidden=128,
            batch_size=64,
            epochs=8,
            optimizer="muon",
            muon_lr=[0.005, 0.02],
            lr=3e-3,
            schedule="warmup_linear",
            warmup=0.05,
            hold=0.4,
        )
    ],
    seeds=2,
    tables=["leaderboard"],
    figures=[
        "learning_curves",
        "training_history",
        "predicted_and_true",
        "samples_by_epoch",
    ],
)
'''
"""The text of `sweeps/demo.py`, which a wheel does not contain."""


@app.command("init")
def init_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The file to write; it must not exist."
        ),
    ] = Path("sweep.py"),
) -> None:
    """Write an example sweep to start from."""
    if file.suffix != ".py":
        raise UserError(
            f"{file} is not the name of a Python file; name it *.py"
        )
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(EXAMPLE)
    except FileExistsError:
        raise UserError(f"{file} exists already; name another file") from None
    except OSError as error:
        raise UserError(
            f"{file} cannot be written: {error.strerror}"
        ) from error
    print_line(Console(), f"Wrote {file}. Run it with: gensweep {file}")
