"""Calls of the functions of tables and figures; a user's own that is wrong is left out, and named.

The points are trained by then, and all other tables and figures are right: one mistake in a file of
the user's must not hide them.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, Protocol, Self, TypeVar

from gensweep.core.errors import ReportItemError
from gensweep.core.registries import ReportItem
from gensweep.core.registry import OWN_PACKAGE
from gensweep.core.values import show_value
from gensweep.plugins.loader import find_user_line
from gensweep.report.figures.data import FigureData
from gensweep.report.results import Results
from gensweep.report.tables import Table
from gensweep.system.file_stems import is_file_name

log = logging.getLogger(__name__)
T = TypeVar("T", Table, FigureData)


class Named(Protocol):
    """A table or figure."""

    @property
    def name(self) -> str:
        """The stem of its files."""
        ...

    def rename(self, name: str) -> Self:
        """Return it with another stem."""
        ...


N = TypeVar("N", bound=Named)


def make_tables_of(item: ReportItem, results: Results) -> list[Table]:
    """Return the tables of a registered function; none of a user's that fails, with a warning."""
    return _make(item, results, Table, "table")


def make_figures_of(item: ReportItem, results: Results) -> list[FigureData]:
    """Return the figures of a registered function; none of a user's that fails, with a warning."""
    return _make(item, results, FigureData, "figure")


def _make(
    item: ReportItem, results: Results, kind: type[T], word: str
) -> list[T]:
    entries: list[T] = []
    with leave_out_failure(item, word):
        returned: Any = item.make(results)
        # A data frame can be iterated, too, but yields the names of its columns.
        if not isinstance(returned, (list, tuple, Iterator)):
            returned = (returned,)
        for entry in returned:
            _check_entry(item.name, entry, kind)
            entries.append(entry)
    return entries


def _check_entry(name: str, entry: Any, kind: type[T]) -> None:
    """Raise ReportItemError if a function returned something else, or a name of no file."""
    if not isinstance(entry, kind):
        raise ReportItemError(
            f"{name} should return a list of gs.{kind.__name__}, "
            f"not of {type(entry).__name__}"
        )
    if not is_file_name(entry.name):
        raise ReportItemError(
            f"{kind.__name__}: name={show_value(entry.name)} cannot be the name of a file"
        )


def make_names_unique(items: list[N]) -> list[N]:
    """Return tables or figures with names that differ, so that none overwrites another's file.

    Those of a user's own may have the same name. File systems may ignore the case of a name.
    """
    seen: Counter[str] = Counter()
    unique = []
    for item in items:
        key = item.name.casefold()
        seen[key] += 1
        if seen[key] > 1:
            item = item.rename(f"{item.name}-{seen[key]}")
        unique.append(item)
    return unique


@contextlib.contextmanager
def leave_out_failure(item: ReportItem, word: str) -> Generator[None]:
    """Turn an error of a user's own function into a warning; one of gensweep's own is raised.

    Args:
        item: the table or figure.
        word: `table` or `figure`.
    """
    try:
        yield
    except Exception as error:
        if item.make.__module__.startswith(OWN_PACKAGE):
            raise
        reason = str(error)
        if not isinstance(error, ReportItemError):
            reason = f"{type(error).__name__}: {error}"
        line = find_user_line(error)
        where = f"{line}: " if line else ""
        log.warning(
            "the %s %s is left out: %s%s", word, item.name, where, reason
        )
        log.debug("its traceback", exc_info=True)
