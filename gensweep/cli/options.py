"""Options that several commands share, and the parser of KEY=VALUE pairs."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from gensweep.core.errors import SweepError
from gensweep.core.values import show_value

_COMMA = re.compile(r"(?<!\\),")


class Wandb(StrEnum):
    """The logging modes of W&B."""

    online = "online"
    offline = "offline"
    disabled = "disabled"


class Device(StrEnum):
    """The devices to train on."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


Root = Annotated[
    str,
    typer.Option(
        "--results",
        metavar="ROOT",
        envvar="GENSWEEP_RESULTS",
        help="The folder or bucket that stores the results.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=V1,V2",
        help="Run only the points that have one of these values; repeat it to combine filters.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a parameter of the sweep; V1,V2 sweeps over both values, "
        "and A:B=1:3,2:4 pairs the values of two parameters.",
    ),
]
TrainingDevice = Annotated[Device, typer.Option(help="Device to train on.")]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Train failed points again.")
]
RetrainChanged = Annotated[
    bool,
    typer.Option(
        "--retrain-changed",
        help="Train points again if other code than today's made their records.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Show logs and tracebacks.")
]
Lanes = Annotated[
    str | None,
    typer.Option(
        metavar="auto|N",
        help="Points trained together as one batched model; default: the sweep's, else auto.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="A running Ray cluster: auto, or HOST:PORT of its head.",
    ),
]
WandbMode = Annotated[
    Wandb | None,
    typer.Option(
        help="W&B logging mode; default: WANDB_MODE, else offline after `wandb login`.",
        show_default=False,
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--wandb-project",
        metavar="NAME",
        help="W&B project; default: WANDB_PROJECT, else gensweep.",
    ),
]
Entity = Annotated[
    str | None,
    typer.Option(
        "--wandb-entity",
        metavar="NAME",
        help="W&B user or team; default: WANDB_ENTITY, else the default of your login.",
    ),
]


def parse_pairs(option: str, texts: list[str] | None) -> dict[str, list[str]]:
    r"""Parse `KEY=V1,V2` into key -> values; `\,` is a comma within a value.

    Raises:
        SweepError: an `=` or a value is missing, or a key comes twice.
    """
    pairs: dict[str, list[str]] = {}
    for text in texts or []:
        key, equals, joined = text.partition("=")
        key = key.strip()
        values = [
            value.strip().replace("\\,", ",")
            for value in _COMMA.split(joined)
        ]
        if not equals or not key or not all(values):
            raise SweepError(f"{option} {show_value(text)} is not KEY=VALUE")
        if key in pairs:
            raise SweepError(
                f"{option} names {key} twice; write {option} {key}=V1,V2"
            )
        pairs[key] = values
    return pairs
