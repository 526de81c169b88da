"""The cells of a model on one dataset: only their numbers can be ranked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from gensweep.report.results import Results


@dataclass(frozen=True)
class Setting:
    """A model's cells on one dataset, whose numbers and pictures can be compared.

    Attributes:
        model: its name.
        dataset: empty if the cells name none.
        title: the model, and the dataset if the sweep has more than one for it.
        cells: ids.
        varying: the parameters that vary within it.
    """

    model: str
    dataset: str
    title: str
    cells: list[str]
    varying: list[str]


def list_settings(
    results: Results, models: Sequence[str] | None = None
) -> list[Setting]:
    """Return the cells of some models by dataset, in the order of the sweep.

    Args:
        results: the sweep's.
        models: their names; None: all of the sweep.
    """
    if models is None:
        models = results.models
    settings = []
    for model in models:
        cells_of: dict[str, list[str]] = {}
        for cell in results.list_cells(model):
            dataset = results.params[cell].get("dataset")
            name = ""
            if dataset is not None:
                name = results.names.get_text("dataset", dataset)
            cells_of.setdefault(name, []).append(cell)
        for dataset, cells in cells_of.items():
            title = model
            varying = list(results.varying_of[model])
            if len(cells_of) > 1:
                title = f"{model} on {dataset}"
                varying.remove("dataset")
            settings.append(Setting(model, dataset, title, cells, varying))
    return settings


def describe_cell(results: Results, cell: str, names: Sequence[str]) -> str:
    """Return the values of these parameters, such as ``encoder_layers=2, lr=0.01``.

    Parameters that the cell does not have are left out.
    """
    params = results.params[cell]
    values = [
        f"{name}={results.names.get_text(name, params[name])}"
        for name in names
        if name in params
    ]
    return ", ".join(values)


def name_settings(
    item: str, settings: Sequence[Setting]
) -> list[tuple[str, Setting]]:
    """Return the stem of each setting's files, and the setting.

    A stem holds the registered name of the table or figure and the model. It holds the dataset
    only if the model has more than one.
    """
    parts = []
    for one in settings:
        dataset = one.dataset if one.title != one.model else ""
        parts.append((item, one.model, dataset))
    return list(zip(make_file_stems(parts), settings, strict=True))
