"""Changes of a sweep on the command line: --set and --seeds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gensweep.cli.options import parse_pairs
from gensweep.core.errors import SweepError
from gensweep.core.values import parse_value

if TYPE_CHECKING:
    from gensweep.sweep.spec import Sweep
    from gensweep.sweep.zips import Zip

_COLON = re.compile(r"(?<!\\):")
_EXAMPLE = "A:B=1:3,2:4"


def read_changed_sweep(
    file: Path, set_: list[str] | None, seeds: int | None
) -> Sweep:
    """Read a sweep file and apply the changes of --set and --seeds.

    Raises:
        SweepError: the file or a change is wrong.
    """
    from gensweep.sweep.changes import change_sweep
    from gensweep.sweep.load import read_sweep

    sweep = read_sweep(file)
    changes: dict[str, Any] = {}
    zips: list[Zip] = []
    for key, texts in parse_pairs("--set", set_).items():
        if ":" in key:
            zips.append(_parse_zip(key, texts))
            continue
        values = [parse_value(text) for text in texts]
        changes[key] = values if len(values) > 1 else values[0]
    return change_sweep(sweep, changes, zips, seeds)


def _parse_zip(key: str, texts: list[str]) -> Zip:
    r"""Parse `A:B=1:3,2:4`: A is 1 with B 3, then A is 2 with B 4; `\:` is a colon in a value."""
    from gensweep.sweep.zips import make_zip

    owner = f"--set {key}"
    rows = []
    for text in texts:
        parts = [part.replace("\\:", ":") for part in _COLON.split(text)]
        if not all(parts):
            raise SweepError(
                f"{owner}: {text!r} has an empty value; "
                f"write values as in {_EXAMPLE}"
            )
        rows.append([parse_value(part) for part in parts])
    return make_zip(owner, key, rows, _EXAMPLE)
