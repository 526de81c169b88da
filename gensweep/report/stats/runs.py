"""The points that are ok, arranged by model, dataset and the values of some parameters."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gensweep.ledger.status import Status
from gensweep.report.remarks import explain_missing

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
        self.datasets: dict[str, list[Any]] = {
            model: [] for model in results.models
        }
        self._cells: dict[
            tuple[str, Any], list[tuple[str, dict[str, Any]]]
        ] = defaultdict(list)
        for cell in results.sweep.cells:
            dataset = cell.params.get("dataset")
            if (cell.model, dataset) not in self._cells:
                self.datasets[cell.model].append(dataset)
            self._cells[cell.model, dataset].append((cell.id, cell.params))
        # Lists instead of the data frame: looking up one number in a frame is slow.
        points = results.points
        statuses = points["status"].tolist()
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, cell_id in enumerate(points["cell"].tolist()):
            if statuses[row] == Status.OK:
                self._rows[cell_id].append(row)
        self._seeds = points["seed"].tolist()
        self._values = {
            name: points[name].tolist() for name in results.described
        }

    def get_sign(self, metric: str) -> int:
        """Return +1 if larger is better, -1 if smaller is, 0 if neither."""
        return {"max": 1, "min": -1, "none": 0}[
            self.results.described[metric].direction
        ]

    def iter_values(
        self, cell: str, metric: str
    ) -> Iterator[tuple[int, float]]:
        """Yield (seed, value) of each ok point of a cell that has the metric."""
        for row in self._rows.get(cell, ()):
            value = self._values[metric][row]
            if not math.isnan(value):
                yield self._seeds[row], value

    def has_metric(self, model: str, metric: str) -> bool:
        """Return whether an ok point of the model has the metric."""
        info = self.results.metrics.get(metric)
        if info is None or model not in info.models:
            return False
        for cell in self.results.list_cells(model):
            for _ in self.iter_values(cell, metric):
                return True
        return False

    def explain_absence(self, models: Sequence[str], metric: str) -> str:
        """Return the sentence on a metric that no ok point of these models has, with reasons."""
        cells = [
            cell
            for model in models
            for cell in self.results.list_cells(model)
        ]
        text = f"No ok point has {metric}"
        for sentence in explain_missing(self.results, cells, [metric]):
            _, _, reasons = sentence.partition(" is not measured: ")
            text += f": {reasons}"
        return f"{text.rstrip('.')}."

    def list_values(self, model: str, dataset: Any, name: str) -> list[Any]:
        """Return a parameter's values in the model's cells, ok or not, each once."""
        cells = self._cells[model, dataset]
        return list(
            dict.fromkeys(
                params[name] for _, params in cells if name in params
            )
        )

    def list_other_varying(
        self, model: str, axes: Sequence[str]
    ) -> list[str]:
        """Return the parameters that vary in the model, without the axes and the dataset."""
        varying = self.results.varying_of[model]
        return [name for name in varying if name not in (*axes, "dataset")]

    def list_shared(
        self, model: str, dataset: Any, axes: Sequence[str]
    ) -> list[str]:
        """Return the other varying parameters, without those that only some levels have."""
        others = self.list_other_varying(model, axes)
        return [
            name
            for name in others
            if not self._is_nested(model, dataset, axes, name)
        ]

    def _is_nested(
        self, model: str, dataset: Any, axes: Sequence[str], name: str
    ) -> bool:
        """Return whether the levels decide if a cell has a parameter, and not all have it.

        They do not where another parameter decides it as well: among points that a search chose,
        each learning rate is of one optimizer, and so has Muon's own rate or has not.
        """
        if not self._decides(model, dataset, axes, name):
            return False
        others = self.list_other_varying(model, (*axes, name))
        return not any(
            self._decides(model, dataset, [other], name) for other in others
        )

    def _decides(
        self, model: str, dataset: Any, axes: Sequence[str], name: str
    ) -> bool:
        """Return whether at each level every cell has a parameter or none, and there are both."""
        presence: dict[tuple[str, ...], set[bool]] = defaultdict(set)
        for _, params in self._cells[model, dataset]:
            if all(axis in params for axis in axes):
                level = tuple(repr(params[axis]) for axis in axes)
                presence[level].add(name in params)
        is_decided = all(len(answers) == 1 for answers in presence.values())
        all_answers: set[bool] = set().union(*presence.values())
        return is_decided and len(all_answers) == 2

    def iter_params(
        self, model: str, dataset: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield the parameters of each of the model's cells on a dataset."""
        for _, params in self._cells[model, dataset]:
            yield params

    def list_levels(
        self, model: str, dataset: Any, axes: Sequence[str]
    ) -> set[tuple[Any, ...]]:
        """Return the values of the axes in the model's cells that have them all, ok or not."""
        levels = set()
        for _, params in self._cells[model, dataset]:
            if all(axis in params for axis in axes):
                levels.add(tuple(params[axis] for axis in axes))
        return levels

    def list_parameters(self, model: str, dataset: Any) -> set[str]:
        """Return the names of the parameters of the model's cells."""
        return {
            name
            for _, params in self._cells[model, dataset]
            for name in params
        }

    def iter_runs(
        self,
        model: str,
        dataset: Any,
        metric: str,
        shared: Sequence[str],
        get_level: Callable[[dict[str, Any]], Any],
    ) -> Iterator[Run]:
        """Yield every run with the metric.

        Args:
            model: of this model only.
            dataset: on this dataset only.
            metric: the value.
            shared: parameters in which runs of one setting agree.
            get_level: from a cell's parameters to its level; None leaves the cell out.
        """
        for cell, params in self._cells[model, dataset]:
            level = get_level(params)
            if level is None:
                continue
            setting = tuple(repr(params.get(name)) for name in shared)
            for seed, value in self.iter_values(cell, metric):
                yield seed, setting, level, value

    def list_runs_along(
        self, model: str, dataset: Any, metric: str, axes: tuple[str, ...]
    ) -> list[Run]:
        """Return the model's runs by the values of the axes [tuples].

        A setting is all else that varies. A parameter that some levels do not have, such as the
        learning rate of one optimizer, is part of the level: its values are averaged.
        """

        def get_level(params: dict[str, Any]) -> tuple[Any, ...] | None:
            if any(axis not in params for axis in axes):
                return None
            return tuple(params[axis] for axis in axes)

        shared = self.list_shared(model, dataset, axes)
        return list(self.iter_runs(model, dataset, metric, shared, get_level))
