"""Checks of the arguments of tables and figures that users' functions return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
                f"{owner}: {name}={_show(value)} is not a text"
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


def check_instance(owner: str, item: object, name: str, kind: type) -> None:
    """Raise ReportItemError for an attribute that is not of a class of `gensweep`."""
    value = getattr(item, name)
    if not isinstance(value, kind):
        raise ReportItemError(
            f"{owner}: {name}={_show(value)} is not a gs.{kind.__name__}"
        )


def check_entries(owner: str, item: object, name: str, kind: type) -> None:
    """Raise ReportItemError for an attribute that is not a list of a class of `gensweep`."""
    value = getattr(item, name)
    is_list = isinstance(value, (tuple, list))
    if not is_list or not all(isinstance(entry, kind) for entry in value):
        raise ReportItemError(
            f"{owner}: {name}={_show(value)} is not a list of gs.{kind.__name__}"
        )


def check_length(
    owner: str, item: object, name: str, lengths: Sequence[int], reason: str
) -> None:
    """Raise ReportItemError for an attribute with another number of values.

    Args:
        owner: the name of the class, for messages.
        item: the table or figure, or a part of it.
        name: of the attribute.
        lengths: the numbers of values that it may have.
        reason: what these numbers follow from.
    """
    count = len(getattr(item, name))
    if count not in lengths:
        allowed = " or ".join(map(str, lengths))
        raise ReportItemError(
            f"{owner}: {name} has {count} values, not {allowed}: {reason}"
        )


def _show(value: Any) -> str:
    """Return a wrong value in one line: data of many lines by their type alone."""
    text = show_value(value)
    return f"a {type(value).__name__}" if "\n" in text else text
