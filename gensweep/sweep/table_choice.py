"""Tables of a sweep with chosen metrics and labels, as its file declares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import TABLES
from gensweep.core.registry import OWN_PACKAGE
from gensweep.core.values import show_value
from gensweep.sweep.axes import list_items

COLUMNS = ("model", "rank", "seconds", "seeds ok", "paper", "difference")
"""Columns of built-in tables that are neither a parameter nor a metric."""
VALIDATION = "validation/"


@dataclass(frozen=True, eq=False)
class TableChoice:
    """A registered table, and how a sweep shows it.

    Attributes:
        name: the name that the table function is registered by.
        metrics: the metrics to show, in this order; empty: all.
        labels: name of a metric, parameter, model or column -> the text to show instead.
    """

    name: str
    metrics: tuple[str, ...] = field(default=(), kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)


def check_tables(
    sweep: str, tables: Any, metrics: Iterable[str], parameters: Iterable[str]
) -> list[TableChoice]:
    """Return the tables of a sweep, each once.

    Args:
        sweep: its name.
        tables: what the sweep file says: names, and `gensweep.Table` objects.
        metrics: the metrics of its models.
        parameters: the parameters and the names of its models.

    Raises:
        SweepError: it is not a list of tables, or a metric or label is unknown.
        UnknownNameError: there is no such table.
    """
    owner = f"sweep {sweep!r}: tables"
    items = list_items(owner, tables, "a list of names")
    checked: dict[str, TableChoice] = {}
    valid_metrics = set(metrics)
    for entry in items:
        choice = entry
        if not isinstance(entry, TableChoice):
            choice = TableChoice(entry)
        choice = _check_choice(sweep, choice, valid_metrics, set(parameters))
        earlier = checked.setdefault(choice.name, choice)
        if not _is_same(earlier, choice):
            raise SweepError(
                f"sweep {sweep!r} has the table {choice.name!r} twice, with different metrics or "
                "labels; keep one of them"
            )
    return list(checked.values())


def _is_same(one: TableChoice, other: TableChoice) -> bool:
    return one.metrics == other.metrics and one.labels == other.labels


def _check_choice(
    sweep: str, choice: TableChoice, metrics: set[str], parameters: set[str]
) -> TableChoice:
    """Return a choice with plain types; the table and all that it names exist."""
    item = TABLES[choice.name]  # raises UnknownNameError
    owner = f"Table({choice.name!r}) of sweep {sweep!r}"
    if getattr(choice, "title", ""):
        raise SweepError(
            f"{owner}: a sweep names a table with its metrics and labels only; a title and data "
            "belong to what a table function returns"
        )
    chosen = _check_metrics(owner, choice.metrics)
    labels = _check_labels(owner, choice.labels)
    # The columns of a user's own table are known only when it is made.
    if item.make.__module__.startswith(OWN_PACKAGE):
        known = metrics | {f"{VALIDATION}{name}" for name in metrics}
        for name in chosen:
            if name not in known:
                valid = metrics
                if name.startswith(VALIDATION):
                    valid = known
                raise SweepError(
                    describe_unknown("metric", name, valid, owner)
                )
        known |= parameters | set(COLUMNS)
        for name in labels:
            if name not in known:
                valid = {
                    one for one in known if not one.startswith(VALIDATION)
                }
                raise SweepError(
                    describe_unknown("label", name, valid, owner)
                )
    return TableChoice(choice.name, metrics=chosen, labels=labels)


def _check_metrics(owner: str, metrics: Any) -> tuple[str, ...]:
    is_list = isinstance(metrics, Iterable) and not isinstance(
        metrics, (str, Mapping)
    )
    names = list(metrics) if is_list else []
    if not is_list or not all(isinstance(name, str) for name in names):
        raise SweepError(
            f"{owner}: metrics={show_value(metrics)} is not a list of names, "
            "such as ['exact_match']"
        )
    return tuple(dict.fromkeys(names))


def _check_labels(owner: str, labels: Any) -> dict[str, str]:
    is_valid = isinstance(labels, Mapping) and all(
        isinstance(text, str) and text.strip()
        for pair in labels.items()
        for text in pair
    )
    if not is_valid:
        raise SweepError(
            f"{owner}: labels={show_value(labels)} is not a dict of texts, "
            "such as {'exact_match': 'exact match'}"
        )
    return dict(labels)
