"""The results of a sweep: what its records say, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gensweep.ledger.manifest import MetricInfo, SweepFile
from gensweep.ledger.search_log import SearchInfo
from gensweep.ledger.stores import Store
from gensweep.report.frames import Notebook
from gensweep.report.history import read_history
from gensweep.report.measurement import (
    Measurement,
    NotMeasured,
    list_measurements,
)
from gensweep.report.objectives import list_main_metrics
from gensweep.system.naming import Names
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from gensweep.core.roles import Role


@dataclass(frozen=True, eq=False, repr=False)
class Results(Notebook):
    """Everything that a sweep's files say.

    Attributes:
        store: the results root, as it was when the files were read.
        folder: the sweep's folder; for a remote root, the folder of local copies of its files.
        sweep: its sweep.json.
        params: cell id -> every parameter of the cell.
        varying: parameters with more than one value within some model, in the order of the grids.
        varying_of: model -> parameters that vary within it.
        fixed: model -> its parameters with one value throughout the sweep. A parameter with one
            value for each dataset has them as `a or b`.
        metrics: metrics by name; those that sweep.json does not declare come last.
        objectives: model -> the validation metric by which its cells are ranked, as in
            `validation/mse`. None if the model has no metric with a better end.
        validation: those objectives, described as `metrics` are.
        cells: one row for each cell: `cell`, `model`, the varying parameters, `n_ok`,
            `n_diverged`, `n_failed`, `n_missing`, `seconds` (mean of the ok points) and for each
            metric `<metric>_mean`, `_std`, `_ci95` (NaN where not defined) and `_n` (seeds
            measured; <NA> if the model does not have the metric); the same for each objective.
            `_ci95_low` and `_ci95_high` are the ends of the interval, within the metric's range.
            Only ok points count.
        points: one row for each point: `id`, `cell`, `model`, `seed`, `status`, `error`,
            `seconds`, `code`, metrics and objectives. `code` says how the code that trained the
            point compares with today's: `same`, `other` or `unknown`.
        own_seconds: point id -> the seconds that were spent on it alone. `seconds` of a point
            has those of epochs that it shares with others, too.
        unmeasured: cell id -> metric -> why some of the cell's ok points have no value of it.
        examples: cell id -> how many examples trained, validated and tested it. Cells whose
            records do not say so are left out.
        warnings: point id -> what its record says is odd about it, a sentence each.
        unreadable: point id -> why its record cannot be trusted; the point counts as missing.
        counts: status -> number of points; they add up to all points of the sweep.
        names: names of the parameters' values. The user's own data has its name in `sweep` and
            `params`, too.
        datasets: the parameters of each dataset that the sweep trains on, by the id of its sheet
            (see `gensweep.prepare.contact_sheet.compute_sheet_id`).
        epochs: how many epochs each ok point completed, by its id.
        searches: the searches of the sweep by name, from its search.json. Points that only chose
            trials are not in `sweep`, unless nothing else is.
        selection_note: a sentence that says so, in that case.
        code_note: a sentence on points that are not known to be of today's code; mostly empty.
    """

    store: Store
    folder: Path
    sweep: SweepFile
    params: dict[str, dict[str, Any]]
    varying: list[str]
    varying_of: dict[str, list[str]]
    fixed: dict[str, dict[str, Any]]
    metrics: dict[str, MetricInfo]
    objectives: dict[str, str | None]
    validation: dict[str, MetricInfo]
    cells: pd.DataFrame
    points: pd.DataFrame
    own_seconds: dict[str, float]
    unmeasured: dict[str, dict[str, list[str]]]
    examples: dict[str, dict[str, int]]
    warnings: dict[str, list[str]]
    unreadable: dict[str, str]
    counts: dict[str, int]
    names: Names
    datasets: dict[str, dict[str, Any]]
    epochs: dict[str, int]
    code_note: str = ""
    searches: dict[str, SearchInfo] = field(default_factory=dict)
    selection_note: str = ""

    def __repr__(self) -> str:
        states = ", ".join(
            f"{count} {status}"
            for status, count in self.counts.items()
            if count
        )
        cells = pluralize(len(self.params), "cell")
        return f"<Results of {self.sweep.name}: {cells}, {len(self.points)} points: {states}>"

    @property
    def models(self) -> list[str]:
        """Every model, in the order of the sweep."""
        return list(self.fixed)

    @property
    def described(self) -> dict[str, MetricInfo]:
        """Every metric of `cells`: those of the test set, and the objectives."""
        return self.metrics | self.validation

    @cached_property
    def measurements(
        self,
    ) -> dict[str, list[Measurement | NotMeasured | None]]:
        """Metric or objective -> its value of each cell, in the order of `sweep.cells`.

        None: the cell's model does not have the metric.
        """
        values = {}
        for name, info in self.described.items():
            reasons = [
                tuple(self.unmeasured.get(cell, {}).get(name, ()))
                for cell in self.params
            ]
            values[name] = list_measurements(self.cells, name, info, reasons)
        return values

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Cell id -> the cell's number in the sweep, from 0."""
        return {cell: index for index, cell in enumerate(self.params)}

    def measure(
        self, cell: str, metric: str
    ) -> Measurement | NotMeasured | None:
        """Return a cell's value of a metric; None as in `measurements`.

        Raises:
            KeyError: the sweep has no such cell or metric.
        """
        return self.measurements[metric][self.index_of[cell]]

    def list_metrics_with(
        self, *roles: Role, model: str | None = None
    ) -> list[str]:
        """Return the metrics that have any of these roles.

        Args:
            roles: see `gensweep.core.roles.Role`.
            model: whose metrics; None: those of all models.
        """
        names = self.metrics if model is None else self.list_metrics(model)
        return [
            name
            for name in names
            if set(roles) & set(self.metrics[name].roles)
        ]

    def find_measured_metric(
        self, model: str, cells: Iterable[str] | None = None
    ) -> str | None:
        """Return the first main metric of a model that any of its cells has a value of.

        A metric that was added after the records were written has none.

        Args:
            model: whose metric.
            cells: look at these cells only; None: at all of the model's.
        """
        if cells is None:
            cells = self.list_cells(model)
        indices = [self.index_of[cell] for cell in cells]
        names = self.list_metrics(model)
        for name in list_main_metrics(self.metrics):
            if name not in names:
                continue
            values = self.measurements[name]
            if any(
                isinstance(values[index], Measurement) for index in indices
            ):
                return name
        return None

    def list_cells(self, model: str) -> list[str]:
        """Return the ids of the model's cells, in the order of the sweep."""
        return [cell.id for cell in self.sweep.cells if cell.model == model]

    def list_metrics(self, model: str) -> list[str]:
        """Return the model's metrics, its main metric first."""
        names = [
            name
            for name, info in self.metrics.items()
            if model in info.models
        ]
        preferred = list_main_metrics(self.metrics, self.sweep.objective)
        main = next((name for name in preferred if name in names), None)
        return sorted(names, key=lambda name: name != main)

    def get_main_metric(self, model: str) -> str | None:
        """Return the metric of the test set that stands for the model; None if it has none."""
        return next(iter(self.list_metrics(model)), None)

    def load_history(self, point_id: str) -> dict[str, np.ndarray] | None:
        """Return a point's history.csv; None if there is no such file.

        Returns:
            Column -> one number for each epoch [epochs], NaN where the file has none.

        Raises:
            RecordError: the file is incomplete or holds something else.
        """
        return read_history(self.store, point_id, self.epochs.get(point_id))
