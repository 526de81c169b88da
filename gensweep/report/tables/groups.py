"""Cells apart: those of one group differ in the axes of a table or figure, and in nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.system.naming import make_file_stems

if TYPE_CHECKING:
    from gensweep.ledger.manifest import CellInfo
    from gensweep.report.results import Results


@dataclass(frozen=True)
class Group:
    """Cells of one model that differ in nothing but the axes.

    Attributes:
        axes: their names, whether they vary here or not.
        others: the parameters that vary in the model's cells beside the axes, and what their value here is called.
        cells: ids, ordered by the axes' values.
        params: every parameter of the first cell.
    """

    model: str
    axes: tuple[str, ...]
    others: dict[str, str]
    cells: list[str]
    params: dict[str, Any]

    @property
    def label(self) -> str:
        """The other parameters, as in ``epochs=20, optimizer=muon``; empty where there are none."""
        return ", ".join(self.settings)

    @property
    def settings(self) -> list[str]:
        """The other parameters, each as in ``epochs=20``."""
        return [f"{key}={text}" for key, text in self.others.items()]

    @property
    def title(self) -> str:
        """The model and the label."""
        return f"{self.model}, {self.label}" if self.others else self.model


def name_groups(page: str, found: Sequence[Group]) -> list[tuple[str, Group]]:
    """Return each of a page's groups after its file's stem: the page, the model, the settings."""
    return list(
        zip(
            make_file_stems([(page, group.model, *group.settings) for group in found]),
            found,
            strict=True,
        )
    )


def group_cells(
    results: Results, axes: Sequence[str], models: Iterable[str] | None = None
) -> list[Group]:
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


def select_grids(results: Results, axes: Sequence[str]) -> tuple[list[Group], dict[str, int]]:
    """The groups worth a table or figure of their own, and how many cells of each model they leave out.

    A cell alone in its group says nothing about the axes; a model that has only such cells keeps them.
    """
    found = group_cells(results, axes)
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
    varying = [name for name in results.varying_of[model] if name in params and name not in axes]
    others = {name: results.names.get_text(name, params[name]) for name in varying}
    return Group(model, axes, others, [cell.id for cell in sorted(cells, key=place)], params)


def _sortable(value: Any) -> tuple[str, Any]:
    """Numbers among numbers, and all else by its text."""
    return ("", value) if isinstance(value, (int, float)) else (type(value).__name__, str(value))
