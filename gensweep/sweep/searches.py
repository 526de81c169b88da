"""The searches of a sweep, and their names."""

from __future__ import annotations

from typing import Any

from gensweep.core.errors import SweepError
from gensweep.sweep.search import Search


def check_searches(sweep: str, searches: Any) -> list[Search]:
    """Return the searches of a sweep as a list.

    Raises:
        SweepError: one of them is not a Search, or two have one name.
    """
    checked: list[Any] = (
        [searches] if isinstance(searches, Search) else list(searches or ())
    )
    for search in checked:
        if not isinstance(search, Search):
            raise SweepError(
                f"sweep {sweep!r}: search contains {search!r}, which is not a Search"
            )
    names = [search.name for search in checked]
    for name in names:
        if names.count(name) > 1:
            raise SweepError(
                f"sweep {sweep!r} has two searches named {name!r}; "
                "give each a name of its own: Search(..., name=...)"
            )
    return checked
