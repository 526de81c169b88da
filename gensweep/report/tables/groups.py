"""Groups of cells that differ in the axes of a table or figure, and in nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from gensweep.ledger.manifest import CellInfo
    from gensweep.report.results import Results


@dataclass(frozen=True)
class Group:
    """Cells of one model that differ in nothing but the axes.

    Attributes:
        model: their model.
        axes: names of the axes, even of those that do not vary here.
        others: the other parameters that vary between cells of the model, each with the name of
            its value in this group.
        cells: ids, ordered by the values of the axes.
        params: every parameter of the first cell.
    """

    model: str
    axes: tuple[str, ...]
    others: dict[str, str]
    cells: list[str]
    params: dict[str, Any]

    @property
    def label(self) -> str:
        """The other parameters, as in ``epochs=20, optimizer=muon``; empty if there are none."""
        return ", ".join(self.settings)

    @property
    def settings(self) -> list[str]:
        """The other parameters, each as in ``epochs=20``."""
        return [f"{key}={text}" for key, text in self.others.items()]

    @property
    def title(self) -> str:
        """The model and the label."""
        if not self.others:
            return self.model
        return f"{self.model}, {self.label}"


def name_groups(
    item: str, groups: Sequence[Group]
) -> list[tuple[str, Group]]:
    """Return each group of a table or figure with the stem of its file.

    Args:
        item: the name that the table or figure is registered by; the stems begin with it.
        groups: its groups.
    """
    stems = make_file_stems(
        [(item, group.model, *group.settings) for group in groups]
    )
    return list(zip(stems, groups, strict=True))


def group_cells(
    results: Results, axes: Sequence[str], models: Iterable[str] | None = None
) -> list[Group]:
    """Return one group for each model and each combination of all parameters but the axes.

    Args:
        results: the sweep's results.
        axes: parameters in which cells of a group may differ.
        models: the models to include; None: all.
    """
    included = results.models if models is None else list(models)
    cells_by_key: dict[str, list[CellInfo]] = {}
    for cell in results.sweep.cells:
        if cell.model in included:
            rest = {
                key: value
                for key, value in cell.params.items()
                if key not in axes
            }
            # As text, since values need not be hashable and 1 must differ from True.
            group_key = json.dumps([cell.model, rest], sort_keys=True)
            cells_by_key.setdefault(group_key, []).append(cell)
    return [
        _make_group(results, tuple(axes), cells)
        for cells in cells_by_key.values()
    ]


def select_grids(
    results: Results, axes: Sequence[str]
) -> tuple[list[Group], dict[str, int]]:
    """Return the groups worth a table or figure, and how many cells of each model are left out.

    A cell alone in its group says nothing about the axes, so it is left out. A model that has
    only such cells keeps them.
    """
    groups = group_cells(results, axes)
    wide_models = {group.model for group in groups if len(group.cells) > 1}
    selected = []
    excluded = dict.fromkeys(results.models, 0)
    for group in groups:
        if len(group.cells) > 1 or group.model not in wide_models:
            selected.append(group)
        else:
            excluded[group.model] += 1
    return selected, excluded


def _make_group(
    results: Results, axes: tuple[str, ...], cells: list[CellInfo]
) -> Group:
    def make_sort_key(cell: CellInfo) -> list[tuple[str, Any]]:
        return [_make_sortable(cell.params.get(axis)) for axis in axes]

    model, params = cells[0].model, cells[0].params
    varying = [
        name
        for name in results.varying_of[model]
        if name in params and name not in axes
    ]
    others = {
        name: results.names.get_text(name, params[name]) for name in varying
    }
    ids = [cell.id for cell in sorted(cells, key=make_sort_key)]
    return Group(model, axes, others, ids, params)


def _make_sortable(value: Any) -> tuple[str, Any]:
    """Return a key that sorts numbers among numbers, and everything else by its text."""
    if isinstance(value, (int, float)):
        return "", value
    return type(value).__name__, str(value)
