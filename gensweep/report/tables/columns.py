"""Columns of typed values, which tables hold and each format writes in its own way.

A value is a `Measurement`, a number, a text, `NotMeasured` with its reasons,
or None where there is nothing to say. No format reads another one back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gensweep.report.measurement import (
    PARTS,
    Measurement,
    list_metric_columns,
)
from gensweep.report.parameters import name_columns

if TYPE_CHECKING:
    import pandas as pd

MAX_UNIT_CHARACTERS = 12
"""A longer unit is left out of a header; the legend has it."""


class Kind(StrEnum):
    """The kinds of columns, by their values."""

    ID = "id"
    """Ids, which CSV files have and no other format shows."""
    PARAMETER = "parameter"
    METRIC = "metric"
    """Measurements."""
    DEVIATION = "deviation"
    """Standard deviations over seeds."""
    COUNT = "count"
    PAPER = "paper"
    """Numbers that the paper printed."""
    DIFFERENCE = "difference"
    """Our mean minus the paper's number."""
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table.

    Attributes:
        name: in CSV files and for `TableData.get`; of a metric, its name.
        values: one per row.
        kind: what they are.
        header: as printed; default: the name.
        unit: of the values.
        direction: ``max`` if larger is better, ``min`` if smaller is, else
            ``none``.
        group: heading that neighbouring columns share; of columns about a
            metric, the metric.
        form: how numbers are printed, as in ``.3f``; default: six digits.
        write: how a value is printed, if `form` cannot say it.
    """

    name: str
    values: Sequence[Any]
    kind: Kind = Kind.TEXT
    header: str = ""
    unit: str = ""
    direction: str = "none"
    group: str = ""
    form: str = ""
    write: Callable[[Any], str] | None = None

    @property
    def label(self) -> str:
        """The header, else the name; the heading of its group comes first, if that is no metric."""
        label = self.header or self.name
        if self.group and not self.is_about_metric:
            return f"{self.group}: {label}"
        return label

    @property
    def shown_unit(self) -> str:
        """The unit in brackets; empty if there is none, or if it is too long for a header."""
        if 0 < len(self.unit) <= MAX_UNIT_CHARACTERS:
            return f"[{self.unit}]"
        return ""

    @property
    def full_label(self) -> str:
        """The header with its unit on one line, as in ``mse [pixel^2]``."""
        return f"{self.label} {self.shown_unit}".rstrip()

    @property
    def is_about_metric(self) -> bool:
        """True for a metric, its deviation, the paper's number of it and the difference."""
        kinds = (Kind.METRIC, Kind.DEVIATION, Kind.PAPER, Kind.DIFFERENCE)
        return self.kind in kinds and bool(self.group)

    @cached_property
    def is_numeric(self) -> bool:
        """True if the values are printed aligned to the right."""
        if self.kind in (Kind.TEXT, Kind.ID):
            return False
        if self.kind != Kind.PARAMETER:
            return True
        return all(
            is_absent(value) or isinstance(value, (int, float))
            for value in self.values
        )

    @cached_property
    def texts(self) -> list[str]:
        """The values as plain text, for the terminal and Markdown."""
        from gensweep.report.tables.text_cells import format_text

        return [format_text(self, value) for value in self.values]

    @property
    def width(self) -> int:
        """Characters of its widest line, with the unit below the name."""
        return max(map(len, (self.label, self.shown_unit, *self.texts)))

    def select(self, rows: Sequence[int]) -> Column:
        """Return the column with these rows only, in this order."""
        return replace(self, values=[self.values[row] for row in rows])


@dataclass(frozen=True, eq=False)
class TableData:
    """The columns of a table, all of one length."""

    columns: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(column.values) for column in self.columns}
        if len(lengths) > 1:
            names = ", ".join(
                f"{one.name} {len(one.values)}" for one in self.columns
            )
            raise ValueError(
                f"columns have different numbers of rows: {names}"
            )
        object.__setattr__(self, "columns", _name_parameters(self.columns))

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def get(self, name: str) -> Column:
        """Return the column of this name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def metrics(self) -> list[Column]:
        """The columns of measurements."""
        return [
            column for column in self.columns if column.kind == Kind.METRIC
        ]

    def select(self, rows: Sequence[int]) -> TableData:
        """Return the table with these rows only, in this order."""
        return TableData(
            tuple(column.select(rows) for column in self.columns)
        )

    def head(self, count: int) -> TableData:
        """Return the first rows."""
        return self.select(range(min(count, len(self))))

    def drop(self, names: Iterable[str]) -> TableData:
        """Return the table without the columns of these names."""
        dropped = set(names)
        return TableData(
            tuple(one for one in self.columns if one.name not in dropped)
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers in full; a metric has a column for each of `PARTS`."""
        import pandas as pd

        flat: dict[str, Any] = {}
        for column in self.columns:
            if column.kind == Kind.METRIC:
                flat |= _flatten_metric(column)
            else:
                flat[column.name] = _make_series(column)
        return pd.DataFrame(flat)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> TableData:
        """Return a data frame as a table, each column as numbers or as texts."""
        import pandas as pd

        columns = []
        for name, values in frame.items():
            kind = (
                Kind.NUMBER
                if pd.api.types.is_numeric_dtype(values)
                else Kind.TEXT
            )
            if name == "cell":
                kind = Kind.ID
            columns.append(Column(str(name), values.tolist(), kind))
        return cls(tuple(columns))


def _name_parameters(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns; a parameter that is called as another column has another name."""
    others = []
    parameters = []
    for column in columns:
        if column.kind == Kind.PARAMETER:
            parameters.append(column.name)
        elif column.kind == Kind.METRIC:
            others += list_metric_columns(column.name)
        else:
            others.append(column.name)
    if not set(others).intersection(parameters):
        return tuple(columns)
    names = name_columns(parameters, others)
    renamed = []
    for column in columns:
        if (
            column.kind == Kind.PARAMETER
            and names[column.name] != column.name
        ):
            header = f"{column.label} (parameter)"
            column = replace(column, name=names[column.name], header=header)
        renamed.append(column)
    return tuple(renamed)


def _make_series(column: Column) -> pd.Series:
    """Return the values with a type that keeps integers beside absent values."""
    import pandas as pd

    has_gap = any(is_absent(value) for value in column.values)
    if column.kind == Kind.COUNT and has_gap:
        return pd.Series(column.values, dtype="Int64")
    series = pd.Series(column.values, dtype=object)
    keeps_objects = column.kind == Kind.PARAMETER and has_gap
    return series if keeps_objects else series.infer_objects()


def _flatten_metric(column: Column) -> dict[str, Any]:
    """Return the numbers of measurements, by the names of their columns."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for part in PARTS[:-1]:
        field = part.removeprefix("ci95_")
        values = [_get_number(value, field) for value in column.values]
        columns[f"{column.name}_{part}"] = values
    counts = [
        None if value is None else getattr(value, "n", 0)
        for value in column.values
    ]
    # An integer type that knows <NA>: a model without the metric has no count.
    columns[f"{column.name}_n"] = pd.Series(counts, dtype="Int64")
    return columns


def _get_number(value: Any, field: str) -> float:
    return (
        getattr(value, field) if isinstance(value, Measurement) else math.nan
    )


def is_absent(value: Any) -> bool:
    """Return whether there is no value; a parameter that is None is the text ``none``."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    # pandas' <NA>, without an import of pandas.
    return type(value).__name__ == "NAType"
