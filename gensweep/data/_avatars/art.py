"""Read the drawings that faces are made of: `parts/*.toml`, one file per layer.

A layer is a list of parts; chance picks one of them for every face. A part has

- `name`: what it shows;
- `weight`: how often it is picked, against the other parts of its layer;
- `front`: its drawing, one line per row of the grid; a part without a drawing shows nothing;
- `top`: the grid row of the first line;
- `back`, `back_top`: the same, for what hangs down behind head and body.

A line is the left half of a row, 16 letters; its mirror image is the right half. A line that is not
symmetrical has both halves, with `|` between them. `colours.toml` says what each letter means.

The order of the parts counts: to move, add or remove one changes faces, and so do its weight and its
drawing. Whoever does that raises `Avatars.numerics` and pins the new pictures in the tests.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gensweep.core.errors import DataError

GRID = 32
HALF = GRID // 2
FOLDER = Path(__file__).parent


class Part(NamedTuple):
    """One way that a feature can look, as its file writes it."""

    name: str
    weight: int
    top: int = 0
    front: str = ""
    back_top: int = 0
    back: str = ""


class Layer(NamedTuple):
    """The parts of a layer.

    Attributes:
        names: what each part shows, [parts].
        weights: how often each part is picked, against the others, [parts].
        fronts: palette slots of each drawing, uint8 [parts, 32, 32]; 0 where it shows nothing.
        backs: the same, for what hangs down behind head and body.
    """

    names: tuple[str, ...]
    weights: tuple[int, ...]
    fronts: np.ndarray
    backs: np.ndarray


def read_toml(name: str) -> dict[str, Any]:
    """Read one of the art's files."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


@cache
def read_letters() -> dict[str, int]:
    """Return the slot of each letter in a face's palette; the letter of slot 0 shows nothing."""
    return {letter: slot for slot, letter in enumerate(read_toml("colours.toml")["letters"])}


@cache
def read_layer(name: str) -> Layer:
    """Read and draw every part of a layer.

    Raises:
        DataError: a part has a field that is not known or lacks one, or its drawing is no drawing.
    """
    return draw_layer(f"{name}.toml", read_toml(f"parts/{name}.toml")["part"])


def draw_layer(place: str, entries: list[dict[str, Any]]) -> Layer:
    """Draw every part of a layer.

    Args:
        place: the file that errors name.
        entries: the fields of each part.

    Raises:
        DataError: as `read_layer`.
    """
    parts = []
    for entry in entries:
        try:
            parts.append(Part(**entry))
        except TypeError as error:
            name = entry.get("name", "without a name")
            raise DataError(
                f"{place}, part {name!r}: a part has {', '.join(Part._fields)}; {error}"
            ) from error
    fronts = [draw(f"{place}, front of {part.name!r}", part.top, part.front) for part in parts]
    backs = [draw(f"{place}, back of {part.name!r}", part.back_top, part.back) for part in parts]
    return Layer(
        names=tuple(part.name for part in parts),
        weights=tuple(part.weight for part in parts),
        fronts=np.stack(fronts),
        backs=np.stack(backs),
    )


def draw(place: str, top: int, lines: str) -> np.ndarray:
    """Return the slots of a drawing, uint8 [32, 32]; 0 where it shows nothing.

    Args:
        place: where the drawing is written, for errors.
        top: grid row of the first line.
        lines: the drawing.

    Raises:
        DataError: a line has another width or a letter that is not known, or there are too many lines.
    """
    slots = np.zeros((GRID, GRID), np.uint8)
    letters = read_letters()
    rows = lines.split()
    if not 0 <= top <= GRID - len(rows):
        raise DataError(f"{place}: {len(rows)} lines from row {top} leave the grid of {GRID} rows")
    for row, line in enumerate(rows, start=top):
        left, bar, right = line.partition("|")
        if not bar:
            right = left[::-1]
        if (len(left), len(right)) != (HALF, HALF):
            raise DataError(
                f"{place}: {line!r} is neither {HALF} letters nor twice {HALF} with | between them"
            )
        if unknown := sorted(set(left + right) - letters.keys()):
            raise DataError(
                f"{place}: {line!r} has {', '.join(unknown)}; letters are {' '.join(letters)}"
            )
        slots[row] = [letters[letter] for letter in left + right]
    return slots


@cache
def draw_patterns() -> np.ndarray:
    """Return backgrounds in two colours, slot 0 and `B`: uint8 [9, 32, 32], the first four plain."""
    row, column = np.indices((GRID, GRID))
    across, down = column - 15.5, row - 15.5
    plain = np.zeros((GRID, GRID), bool)
    patterns = [
        *[plain] * 4,
        row >= 21,
        row // 4 % 2 == 1,
        (row + column) // 4 % 2 == 1,
        across**2 + down**2 < 14.5**2,
        (row % 6 < 2) & ((column + row // 6 * 3) % 6 < 2),
    ]
    return np.stack(patterns).astype(np.uint8) * read_letters()["B"]
