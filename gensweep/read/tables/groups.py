"""Cells apart: those of one group differ in the axes of a table or figure, and in nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.read.results import CellInfo, Results

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Group:
    """Cells of one model that differ in nothing but the axes.

    Attributes:
        axes: their names, whether they vary here or not.
        others: the parameters that vary in the model's cells beside the axes, with their value here.
        cells: ids, ordered by the axes' values.
        params: every parameter of the first cell.
    """

    model: str
    axes: tuple[str, ...]
    others: dict[str, Any]
    cells: list[str]
    params: dict[str, Any]

    @property
    def label(self) -> str:
        """The other parameters, as in ``epochs=20, optimizer=muon``; empty where there are none."""
        return ", ".join(f"{key}={plain(value)}" for key, value in self.others.items())

    @property
    def title(self) -> str:
        """The model and the label."""
        return f"{self.model}, {self.label}" if self.others else self.model

    def name(self, page: str) -> str:
        """A file's stem: the page, the model, the label."""
        return file_name(page, self.model, *self.label.split(", "))


def groups(results: Results, axes: Sequence[str], models: Iterable[str] | None = None) -> list[Group]:
    """The cells, apart for every model and every combination of values of all parameters but the axes.

    Args:
        models: of these models only; all where it is None.
    """
    wanted = results.models if models is None else list(models)
    found: dict[str, list[CellInfo]] = {}
    for cell in results.sweep.cells:
        if cell.model in wanted:
            rest = {key: value for key, value in cell.params.items() if key not in axes}
            found.setdefault(json.dumps([cell.model, rest], sort_keys=True), []).append(cell)
    return [_group(results, tuple(axes), cells) for cells in found.values()]


def grids(results: Results, axes: Sequence[str]) -> tuple[list[Group], dict[str, int]]:
    """The groups worth a table or figure of their own, and how many cells of each model they leave out.

    A cell alone in its group says nothing about the axes; a model that has only such cells keeps them.
    """
    found = groups(results, axes)
    wide = {group.model for group in found if len(group.cells) > 1}
    kept = [group for group in found if len(group.cells) > 1 or group.model not in wide]
    left = dict.fromkeys(results.models, 0)
    for group in found:
        left[group.model] += len(group.cells) == 1 and group.model in wide
    return kept, left


def _group(results: Results, axes: tuple[str, ...], cells: list[CellInfo]) -> Group:
    def place(cell: CellInfo) -> list[tuple[str, Any]]:
        return [_sortable(cell.params.get(axis)) for axis in axes]

    model, params = cells[0].model, cells[0].params
    others = {name: params[name] for name in results.varying_of[model] if name in params and name not in axes}
    return Group(model, axes, others, [cell.id for cell in sorted(cells, key=place)], params)


def _sortable(value: Any) -> tuple[str, Any]:
    """Numbers among numbers, and all else by its text."""
    return ("", value) if isinstance(value, (int, float)) else (type(value).__name__, str(value))


def plain(value: Any) -> str:
    """A parameter's value as a person writes it."""
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def file_name(*parts: str) -> str:
    """A file's stem from a page's name and what tells its files apart; long ones end in a hash."""
    name = "-".join(re.sub(r"[^A-Za-z0-9._=+]", "_", part) for part in parts if part)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:8]}"
