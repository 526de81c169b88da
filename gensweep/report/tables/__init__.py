"""Tables: functions of `Results`, registered by their decorator; importing this needs no pandas."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gensweep.core.errors import ReportItemError
from gensweep.core.values import show_value
from gensweep.ledger.status import STATUSES, Status
from gensweep.report.item_checks import (
    check_lists_of_texts,
    check_mapping,
    check_texts,
)
from gensweep.report.tables.columns import TableData
from gensweep.sweep.table_choice import TableChoice

if TYPE_CHECKING:
    import pandas as pd

COUNTS = tuple(f"n_{status}" for status in (*STATUSES, Status.MISSING))
"""Columns with the number of points of each status; the first is that of points that are ok."""


@dataclass(frozen=True, eq=False)
class Table(TableChoice):
    """A table: numbers in full, with what a reader must know about them.

    Without title and data it stands for a registered table in `Sweep(tables=[...])`:
    ``Table("leaderboard", metrics=["exact_match"], labels={"lr": "rate"})``.

    Attributes:
        name: stem of its files; begins with the name that the table function is registered by.
        title: one line.
        data: the values, as `gensweep.report.tables.rows.build_rows` returns them. A data frame
            is taken as plain numbers and texts.
        notes: sentences that stand below the numbers.
        sections: heading -> part of the table. Printed instead of ``data`` if one layout does
            not suit all rows; the CSV file has ``data``.
        is_compact: write a LaTeX file with few columns, for a paper, and a second one with all
            metrics.
        metrics: the metrics to show, in this order; empty: all. The CSV file has all.
        labels: name of a metric, parameter, model or column -> the text to show instead.
        full_data: what the CSV file has, if `data` is a choice of its columns.
    """

    title: str = ""
    data: TableData = field(default_factory=TableData)
    notes: tuple[str, ...] = ()
    sections: dict[str, TableData] | None = None
    is_compact: bool = False
    full_data: TableData | None = None

    def __post_init__(self) -> None:
        check_texts("Table", self, ("name", "title"))
        check_lists_of_texts("Table", self, ("notes",))
        # Users' functions may give data frames.
        object.__setattr__(self, "data", _as_data("data", self.data))
        if self.full_data is not None:
            full_data = _as_data("full_data", self.full_data)
            object.__setattr__(self, "full_data", full_data)
        if self.sections is not None:
            check_mapping("Table", self, "sections")
            sections = {
                heading: _as_data("sections", part)
                for heading, part in self.sections.items()
            }
            object.__setattr__(self, "sections", sections)

    def rename(self, name: str) -> Self:
        """Return the table with another stem of its files."""
        return replace(self, name=name)

    @property
    def parts(self) -> dict[str, TableData]:
        """The sections by their heading; a table without sections is one part without heading."""
        return self.sections or {"": self.data}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The numbers in full, as in the CSV file."""
        data = self.data if self.full_data is None else self.full_data
        return data.to_frame()


def _as_data(argument: str, data: TableData | pd.DataFrame) -> TableData:
    """Return the values of a table.

    Raises:
        ReportItemError: they are none.
    """
    if isinstance(data, TableData):
        return data
    if not hasattr(data, "columns"):
        raise ReportItemError(
            f"Table: {argument}={show_value(data)} is not a data frame"
        )
    return TableData.from_frame(data)
