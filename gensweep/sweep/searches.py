"""The searches of a sweep, and their names."""

from __future__ import annotations

from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.values import show_value
from gensweep.sweep.axes import list_items
from gensweep.sweep.search import Search


def check_searches(sweep: str, searches: Any) -> list[Search]:
    """Return the searches of a sweep as a list.

    Raises:
        SweepError: one of them is not a Search, or two have one name.
    """
    if searches is None:
        return []
    if isinstance(searches, Search):
        return [searches]
    owner = f"sweep {sweep!r}: search"
    checked = list_items(owner, searches, "a Search or a list of them")
    for search in checked:
        if not isinstance(search, Search):
            raise SweepError(
                f"sweep {sweep!r}: search contains {show_value(search)}, which is not a Search"
            )
    names = [search.name for search in checked]
    for name in names:
        if names.count(name) > 1:
            raise SweepError(
                f"sweep {sweep!r} has two searches named {name!r}; "
                "give each a name of its own: Search(..., name=...)"
            )
    return checked
