"""Zips: parameters of a grid that change together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.values import show_value
from gensweep.sweep.axes import list_axis_values


class Zip:
    """Parameters that change together, as in Python's `zip`.

    ``Zip(encoder_layers=[1, 2], decoder_layers=[3, 4])`` has two combinations:
    1 with 3, and 2 with 4.

    Attributes:
        columns: parameter -> its value in each combination.

    Raises:
        SweepError: the parameters have different numbers of values, or a
            combination comes twice.
    """

    def __init__(self, **columns: Any) -> None:
        self.columns: dict[str, list[Any]] = {}
        for key, value in columns.items():
            self.columns[key] = list_axis_values(
                "Zip", key, value, may_repeat=True
            )
        lengths = {key: len(values) for key, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(
                f"{key} has {count}" for key, count in lengths.items()
            )
            raise SweepError(
                f"Zip: parameters need equally many values; {counts}"
            )
        rows = [show_value(row, limit=None) for row in self.list_rows()]
        for text, count in Counter(rows).items():
            if count > 1:
                raise SweepError(
                    f"Zip: {', '.join(self.columns)} have {text} twice"
                )

    @property
    def axes(self) -> dict[str, list[Any]]:
        """Parameter -> its values, each once."""
        return {
            key: list(
                {
                    show_value(value, limit=None): value for value in values
                }.values()
            )
            for key, values in self.columns.items()
        }

    def list_rows(self) -> list[tuple[Any, ...]]:
        """Return the combinations, each with the values in the order of the parameters."""
        return list(zip(*self.columns.values(), strict=True))

    def select(self, keys: Collection[str]) -> Zip:
        """Return the combinations of some of the parameters, each once."""
        columns = {
            key: values for key, values in self.columns.items() if key in keys
        }
        rows = list(zip(*columns.values(), strict=True))
        unique = list({repr(row): row for row in rows}.values())
        return Zip(
            **dict(
                zip(
                    columns, map(list, zip(*unique, strict=True)), strict=True
                )
            )
        )

    def __repr__(self) -> str:
        columns = [
            f"{key}={values!r}" for key, values in self.columns.items()
        ]
        return f"Zip({', '.join(columns)})"


def make_zip(owner: str, key: str, rows: Sequence[Any], example: str) -> Zip:
    """Return the zip that a change of a sweep writes as a key `A:B` and its rows.

    Args:
        owner: where the change is written, for errors.
        key: the names of the parameters, with a colon between them.
        rows: the combinations, each a list or a tuple of one value per name.
        example: how such a change is written there, for errors.

    Raises:
        SweepError: a name is missing or comes twice, or a row has too few or too many values.
    """
    names = [name.strip() for name in key.split(":")]
    if not all(names) or len(set(names)) < len(names):
        raise SweepError(
            f"{owner}: each parameter needs its own name, as in {example}"
        )
    for row in rows:
        if not isinstance(row, (list, tuple)) or len(row) != len(names):
            raise SweepError(
                f"{owner}: {show_value(row)} does not have one value for each "
                f"of {', '.join(names)}; write them as in {example}"
            )
    columns = {
        name: [row[index] for row in rows] for index, name in enumerate(names)
    }
    return Zip(**columns)
