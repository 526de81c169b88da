"""Checks of the arguments of tables and figures that users' functions return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gensweep.core.errors import ReportItemError
from gensweep.core.values import show_value


def check_texts(owner: str, item: object, names: Iterable[str]) -> None:
    """Raise ReportItemError for an attribute that is not a text.

    Args:
        owner: the name of the class, for messages.
        item: the table or figure.
        names: of attributes.
    """
    for name in names:
        value = getattr(item, name)
        if not isinstance(value, str):
            raise ReportItemError(
                f"{owner}: {name}={show_value(value)} is not a text"
            )


def check_lists_of_texts(
    owner: str, item: object, names: Iterable[str]
) -> None:
    """Raise ReportItemError for an attribute that is not a tuple or list of texts."""
    for name in names:
        value = getattr(item, name)
        is_list = isinstance(value, (tuple, list))
        if not is_list or not all(isinstance(text, str) for text in value):
            raise ReportItemError(
                f"{owner}: {name}={show_value(value)} is not a tuple of texts"
            )


def check_mapping(owner: str, item: object, name: str) -> None:
    """Raise ReportItemError for an attribute that is not a dict with texts as keys."""
    value = getattr(item, name)
    is_mapping = isinstance(value, Mapping)
    if not is_mapping or not all(isinstance(key, str) for key in value):
        raise ReportItemError(
            f"{owner}: {name}={show_value(value)} is not a dict with texts as keys"
        )
