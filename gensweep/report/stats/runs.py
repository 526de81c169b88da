"""The points that are ok, arranged for questions: by model, dataset and the values of some parameters."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gensweep.ledger.records import OK

if TYPE_CHECKING:
    from gensweep.report.results import Results

Run = tuple[int, tuple[str, ...], Any, float]
"""Seed, setting, level, value; as `select_block` takes them."""


class Runs:
    """A sweep's ok points.

    Attributes:
        results: the sweep's.
        datasets: model -> its datasets, in the order of the sweep.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.datasets: dict[str, list[Any]] = {model: [] for model in results.models}
        self._cells: dict[tuple[str, Any], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        for cell in results.sweep.cells:
            dataset = cell.params.get("dataset")
            if (cell.model, dataset) not in self._cells:
                self.datasets[cell.model].append(dataset)
            self._cells[cell.model, dataset].append((cell.id, cell.params))
        points = results.points
        self._rows: dict[str, list[int]] = defaultdict(list)
        for place, (cell, status) in enumerate(
            zip(points["cell"].tolist(), points["status"].tolist(), strict=True)
        ):
            if status == OK:
                self._rows[cell].append(place)
        self._seeds = points["seed"].tolist()
        self._values = {name: points[name].tolist() for name in results.metrics}

    def sign(self, metric: str) -> int:
        """+1 where larger is better, -1 where smaller is, 0 where neither."""
        return {"max": 1, "min": -1, "none": 0}[self.results.metrics[metric].direction]

    def of_cell(self, cell: str, metric: str) -> Iterator[tuple[int, float]]:
        """(seed, value) of each ok point that has the metric."""
        for place in self._rows.get(cell, ()):
            value = self._values[metric][place]
            if not math.isnan(value):
                yield self._seeds[place], value

    def measured(self, model: str, metric: str) -> bool:
        """Whether an ok point of the model has the metric."""
        info = self.results.metrics.get(metric)
        if info is None or model not in info.models:
            return False
        return any(
            True for cell in self.results.list_cells(model) for _ in self.of_cell(cell, metric)
        )

    def values_of(self, model: str, dataset: Any, name: str) -> list[Any]:
        """A parameter's values in the model's cells, ok or not."""
        return list(
            dict.fromkeys(
                params[name] for _, params in self._cells[model, dataset] if name in params
            )
        )

    def others(self, model: str, axes: Sequence[str]) -> list[str]:
        """What varies in the model beside the axes and the dataset."""
        return [name for name in self.results.varying_of[model] if name not in (*axes, "dataset")]

    def parameters(self, model: str, dataset: Any) -> set[str]:
        """The names of the parameters of the model's cells."""
        return {name for _, params in self._cells[model, dataset] for name in params}

    def rows(
        self,
        model: str,
        dataset: Any,
        metric: str,
        same: Sequence[str],
        level: Callable[[dict[str, Any]], Any],
    ) -> Iterator[Run]:
        """Every run with the metric.

        Args:
            model: of this model only.
            dataset: on this dataset only.
            metric: the value.
            same: parameters in which runs of one setting agree.
            level: from a cell's parameters to its level; None leaves the cell out.
        """
        for cell, params in self._cells[model, dataset]:
            if (value := level(params)) is not None:
                setting = tuple(repr(params.get(name)) for name in same)
                yield from (
                    (seed, setting, value, number) for seed, number in self.of_cell(cell, metric)
                )

    def along(self, model: str, dataset: Any, metric: str, axes: tuple[str, ...]) -> list[Run]:
        """The model's runs by the values of the axes [tuples], a setting being all else that varies."""

        def level(params: dict[str, Any]) -> tuple[Any, ...] | None:
            return (
                tuple(params[axis] for axis in axes)
                if all(axis in params for axis in axes)
                else None
            )

        return list(self.rows(model, dataset, metric, self.others(model, axes), level))
