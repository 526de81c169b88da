"""The parameters of a sweep: which of them vary, and what their values are called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gensweep.ledger.manifest import SweepFile
from gensweep.prepare.contact_sheet import (
    compute_sheet_id,
    select_dataset_params,
)
from gensweep.system.naming import Names


def rename_values(sweep: SweepFile, names: Names) -> SweepFile:
    """Return the sweep with each text in its parameters replaced by its name.

    The user's own data is named by its folder, for example.
    """
    cells = []
    for cell in sweep.cells:
        cells.append(
            cell.model_copy(
                update={"params": _rename_params(cell.params, names)}
            )
        )
    data = {}
    for key, about in sweep.data.items():
        dataset = names.get_text("dataset", about.dataset)
        params = _rename_params(about.params, names)
        data[key] = about.model_copy(
            update={"dataset": dataset, "params": params}
        )
    return sweep.model_copy(update={"cells": cells, "data": data})


def _rename_params(params: dict[str, Any], names: Names) -> dict[str, Any]:
    return {
        key: names.get_text(key, value) if isinstance(value, str) else value
        for key, value in params.items()
    }


def name_columns(
    parameters: Iterable[str], others: Iterable[str]
) -> dict[str, str]:
    """Return the name of each parameter's column in a table that has columns of its own.

    A parameter may be called as one of those, such as `rank` in a leaderboard: its column is then
    `rank_parameter`.

    Args:
        parameters: names of parameters.
        others: names of the other columns.
    """
    columns = {}
    taken = set(others)
    for name in parameters:
        column = name
        while column in taken:
            column += "_parameter"
        columns[name] = column
        taken.add(column)
    return columns


def list_datasets(sweep: SweepFile) -> dict[str, dict[str, Any]]:
    """Return the parameters of each dataset that the sweep trains on, by the id of its sheet."""
    datasets = {}
    for cell in sweep.cells:
        params = select_dataset_params(cell.params, sweep.of_dataset)
        if "dataset" in params:
            datasets[compute_sheet_id(params)] = params
    return datasets


def order_parameters(sweep: SweepFile) -> list[str]:
    """Return every parameter: those of the grids in their order, then the others by name."""
    axes = dict.fromkeys(name for grid in sweep.grids for name in grid.axes)
    known = {name for cell in sweep.cells for name in cell.params}
    return [name for name in axes if name in known] + sorted(
        known - axes.keys()
    )


def split_parameters(
    sweep: SweepFile, names: Names
) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """Return for each model the parameters that vary, and all others with their value.

    Two kinds of parameters do not vary although cells differ in them. A parameter that applies
    to some cells only, always with one value: another parameter distinguishes those cells. A
    parameter of a dataset, with one value for each dataset: the dataset varies.

    Args:
        sweep: the sweep.
        names: names of the values; the values of a parameter of a dataset become `a or b`.
    """
    # Values by their JSON text, which is hashable and distinguishes 1, 1.0 and true.
    values: dict[str, dict[str, dict[str, Any]]] = {}
    varying_pairs: set[tuple[str, str]] = set()
    first_texts: dict[tuple[str, str, str], str] = {}
    for cell in sweep.cells:
        model = cell.model
        dataset = str(cell.params.get("dataset"))
        for name, value in cell.params.items():
            text = json.dumps(value)
            values.setdefault(model, {}).setdefault(name, {})[text] = value
            scope = dataset if name in sweep.of_dataset else ""
            first = first_texts.setdefault((model, name, scope), text)
            if text != first:
                varying_pairs.add((model, name))
    order = order_parameters(sweep)
    varying: dict[str, list[str]] = {}
    fixed: dict[str, dict[str, Any]] = {}
    for model, params in values.items():
        varying[model] = [
            name for name in order if (model, name) in varying_pairs
        ]
        fixed[model] = {
            name: _join_values(name, list(by_text.values()), names)
            for name, by_text in params.items()
            if (model, name) not in varying_pairs
        }
    return varying, fixed


def _join_values(name: str, values: list[Any], names: Names) -> Any:
    """Return the only value of a parameter, or its values as in `a or b`."""
    if len(values) == 1:
        return values[0]
    return " or ".join(names.get_text(name, value) for value in values)
