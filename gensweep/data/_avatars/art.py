"""Read the drawings that faces are made of: `parts/*.toml`, one file per layer.

A layer is a list of parts; chance picks one of them for every face. A part has

- `name`: a word for it;
- `weight`: how often it is picked, against the other parts of its layer;
- `front`: its drawing, one line per row of the grid; a part without a drawing shows nothing;
- `top`: the grid row of the first line;
- `back`, `back_top`: the same, for parts that hang down behind head and body.

A line is the left half of a row, 16 letters; its mirror image is the right half. A line that is not
symmetrical has both halves, with `|` between them. `colours.toml` lists the letters.

The order of the parts counts. To move, add or remove a part changes faces, and so does a new weight
or drawing. After such a change, raise `Avatars.numerics` and pin the new pictures in the tests.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gensweep.core.errors import DataError

GRID = 32
"""Height and width of a drawing in cells."""
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
        names: the names of the parts, [parts].
        weights: how often each part is picked, against the others, [parts].
        fronts: palette slots of each drawing, uint8 [parts, 32, 32]; 0 for an empty cell.
        backs: the same, for parts that hang down behind head and body.
    """

    names: tuple[str, ...]
    weights: tuple[int, ...]
    fronts: np.ndarray
    backs: np.ndarray


def read_toml(name: str) -> dict[str, Any]:
    """Read one of the files of this folder."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def read_letters() -> dict[str, int]:
    """Return the slot of each letter in a face's palette; slot 0 is an empty cell."""
    letters = read_toml("colours.toml")["letters"]
    return {letter: slot for slot, letter in enumerate(letters)}


@cache
def read_layer(name: str) -> Layer:
    """Read and draw every part of a layer.

    Raises:
        DataError: a part has an unknown field or lacks one, or its drawing is not valid.
    """
    entries = read_toml(f"parts/{name}.toml")["part"]
    return draw_layer(f"{name}.toml", entries)


def draw_layer(
    file: str,
    entries: list[dict[str, Any]],
) -> Layer:
    """Draw every part of a layer.

    Args:
        file: the file that errors name.
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
            fields = ", ".join(Part._fields)
            raise DataError(
                f"{file}, part {name!r}: a part has {fields}; {error}",
            ) from error
    fronts = []
    backs = []
    for part in parts:
        fronts.append(
            draw(
                f"{file}, front of {part.name!r}",
                part.top,
                part.front,
            )
        )
        backs.append(
            draw(
                f"{file}, back of {part.name!r}",
                part.back_top,
                part.back,
            )
        )
    return Layer(
        names=tuple(part.name for part in parts),
        weights=tuple(part.weight for part in parts),
        fronts=np.stack(fronts),
        backs=np.stack(backs),
    )


def draw(
    label: str,
    top: int,
    lines: str,
) -> np.ndarray:
    """Return the slots of a drawing, uint8 [32, 32]; 0 for an empty cell.

    Args:
        label: the name of the drawing in errors.
        top: grid row of the first line.
        lines: the drawing.

    Raises:
        DataError: a line has another width or an unknown letter, or there are too many lines.
    """
    slots = np.zeros((GRID, GRID), np.uint8)
    letters = read_letters()
    rows = lines.split()
    if not 0 <= top <= GRID - len(rows):
        raise DataError(
            f"{label}: {len(rows)} lines from row {top} leave the grid of {GRID} rows",
        )
    for row, line in enumerate(rows, start=top):
        left, bar, right = line.partition("|")
        if not bar:
            right = left[::-1]
        if len(left) != HALF or len(right) != HALF:
            raise DataError(
                f"{label}: {line!r} is neither {HALF} letters nor twice {HALF} with | between them"
            )
        unknown = set(left + right) - letters.keys()
        if unknown:
            raise DataError(
                f"{label}: {line!r} has {', '.join(sorted(unknown))}; "
                f"letters are {' '.join(letters)}"
            )
        line_slots = [letters[letter] for letter in left + right]
        slots[row] = line_slots
    return slots


@cache
def draw_patterns() -> np.ndarray:
    """Return backgrounds in two colours, slot 0 and `B`: uint8 [9, 32, 32]; four are plain."""
    row, column = np.indices((GRID, GRID))
    across = column - 15.5
    down = row - 15.5
    plain = np.zeros((GRID, GRID), bool)
    horizon = row >= 21
    stripes = row // 4 % 2 == 1
    diagonals = (row + column) // 4 % 2 == 1
    circle = across**2 + down**2 < 14.5**2
    # Every second row of dots is shifted by half a distance.
    shifted = column + row // 6 * 3
    dots = (row % 6 < 2) & (shifted % 6 < 2)
    patterns = [
        plain,
        plain,
        plain,
        plain,
        horizon,
        stripes,
        diagonals,
        circle,
        dots,
    ]
    slot = read_letters()["B"]
    return np.stack(patterns).astype(np.uint8) * slot
