"""What several commands take, and how it is read."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from gensweep.core.errors import SweepError

_COMMA = re.compile(r"(?<!\\),")
Root = Annotated[
    str,
    typer.Option(
        "--results", metavar="ROOT", envvar="GENSWEEP_RESULTS", help="Where results are kept."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Which random numbers.")]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=V1,V2",
        help="Run only these points now: any of the values; repeated: all must hold.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a parameter of the sweep; V1,V2 sweeps it."
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Train failed points again.")]
RetrainChanged = Annotated[
    bool,
    typer.Option(
        "--retrain-changed", help="Train points again whose records do not name today's code."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show logs and tracebacks.")]
Lanes = Annotated[
    str | None,
    typer.Option(
        metavar="auto|N",
        help="Points trained as one batched model; default: the sweep's, else auto.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS", help="A running Ray cluster: auto, or HOST:PORT of its head."
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--wandb-project",
        metavar="NAME",
        help="W&B's project; default: WANDB_PROJECT, else gensweep.",
    ),
]
Entity = Annotated[
    str | None,
    typer.Option(
        "--wandb-entity",
        metavar="NAME",
        help="W&B's user or team; default: WANDB_ENTITY, else your login's.",
    ),
]


class Wandb(StrEnum):
    """Whether a run logs to W&B."""

    online, offline, disabled = "online", "offline", "disabled"


class Device(StrEnum):
    """Where to train."""

    auto, cpu, cuda, mps = "auto", "cpu", "cuda", "mps"


def parse_pairs(option: str, texts: list[str] | None) -> dict[str, list[str]]:
    """`KEY=V1,V2` as key -> values; a comma within a value is written with a backslash before it.

    Raises:
        SweepError: there is no `=`, no value, or a key comes twice.
    """
    pairs: dict[str, list[str]] = {}
    for text in texts or []:
        key, equals, values = text.partition("=")
        key, parts = (
            key.strip(),
            [value.strip().replace("\\,", ",") for value in _COMMA.split(values)],
        )
        if not equals or not key or not all(parts):
            raise SweepError(f"{option} {text!r} is not KEY=VALUE")
        if key in pairs:
            raise SweepError(f"{option} names {key} twice; write {option} {key}=V1,V2")
        pairs[key] = parts
    return pairs
