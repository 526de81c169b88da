"""From records to results: what a sweep measured, and what is missing from it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.core.soundness import FORMER_DOCS
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.manifest import MetricInfo, SweepFile, read_sweep_file
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.records import MISSING, STATUSES, Record
from gensweep.ledger.stores import Store, as_results_error
from gensweep.prepare.contact_sheet import compute_sheet_id, select_dataset_params
from gensweep.report.measured import (
    TEST_PREFIX,
    as_written_now,
    describe,
    examples_of,
    objectives_of,
    preferred,
    sound_names,
    under_names_now,
    unmeasured_values,
    validated_values,
)
from gensweep.report.summary import build_cell_frame
from gensweep.report.verified import describe_code, match_records, read_verified
from gensweep.sweep.code_fingerprint import compare
from gensweep.system.naming import Names
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """Everything that a sweep's files say.

    Attributes:
        store: the results root, as it was when they were read.
        folder: the sweep's folder, or where copies of its files lie here.
        sweep: its sweep.json.
        params: cell id -> every parameter of the cell.
        varying: parameters with more than one value within some model, in the order of the grids.
        varying_of: model -> those that vary within it.
        fixed: model -> its parameters with one value throughout the sweep, or wherever a dataset has it (`a or b`).
        metrics: by name; those of the records that sweep.json does not declare come last.
        objectives: model -> the validation metric by which its cells are ranked, as in `validation/mse`; None where
            it has no metric with a better end.
        validation: those objectives, described as `metrics` are.
        cells: one row a cell: `cell`, `model`, the varying parameters, `n_ok`, `n_diverged`,
            `n_failed`, `n_missing`, `seconds` (mean of the ok points) and for each metric
            `<metric>_mean`, `_std`, `_ci95` (NaN where not defined) and `_n` (seeds measured; <NA>
            where the model does not have the metric); the same for each objective. Only ok points count.
        points: one row a point: `id`, `cell`, `model`, `seed`, `status`, `error`, `seconds`, `code` (`same`, `other`
            or `unknown`: how the code that trained it compares with today's), metrics and objectives.
        unmeasured: cell id -> metric -> why some of the cell's ok points have no value of it.
        examples: cell id -> how many examples trained, validated and tested it; empty of records that do not say so.
        warnings: point id -> what its record says is odd about it, a sentence each.
        unreadable: point id -> why its record cannot be trusted; such a point counts as missing.
        counts: status -> number of points; they add up to all of the sweep's points.
        code_note: what is to be said of points that are not known to be of today's code; mostly empty.
        names: what the parameters' values are called; the user's own data has its name in `sweep` and `params`, too.
        datasets: the sheets of what the sweep trains on: id, as `gensweep.prepare.contact_sheet.compute_sheet_id` makes it ->
            the parameters behind it.
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
    unmeasured: dict[str, dict[str, list[str]]]
    examples: dict[str, dict[str, int]]
    warnings: dict[str, list[str]]
    unreadable: dict[str, str]
    counts: dict[str, int]
    names: Names
    datasets: dict[str, dict[str, Any]]
    code_note: str = ""

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {status}" for status, count in self.counts.items() if count)
        return f"<Results of {self.sweep.name}: {pluralize(len(self.params), 'cell')}, {len(self.points)} points: {states}>"

    @property
    def models(self) -> list[str]:
        """Every model, in the order of the sweep."""
        return list(self.fixed)

    def list_cells(self, model: str) -> list[str]:
        """The ids of the model's cells, in the order of the sweep."""
        return [cell.id for cell in self.sweep.cells if cell.model == model]

    def list_metrics(self, model: str) -> list[str]:
        """The model's metrics, its main metric first."""
        names = [name for name, info in self.metrics.items() if model in info.models]
        main = next((name for name in preferred(self.sweep) if name in names), None)
        return sorted(names, key=lambda name: name != main)

    @property
    def described(self) -> dict[str, MetricInfo]:
        """Every metric of `cells`: those of the test set, and the objectives."""
        return self.metrics | self.validation

    def get_main_metric(self, model: str) -> str | None:
        """The metric of the test set that stands for the model; None where it has no metric."""
        return next(iter(self.list_metrics(model)), None)

    def load_history(self, point_id: str) -> dict[str, np.ndarray] | None:
        """A point's history.csv: column -> one number an epoch [epochs], NaN where empty; None without a file.

        Raises:
            RecordError: it is cut short or holds something else.
        """
        name = f"{POINTS}/{point_id}/history.csv"
        try:
            header, *rows = csv.reader(io.StringIO(self.store.read(name).decode(), newline=""))
            table = np.array([[float(value or "nan") for value in row] for row in rows], float)
            return dict(zip(header, table.reshape(-1, len(header)).T, strict=True))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, csv.Error) as error:
            raise RecordError(f"{self.store.uri(name)}: not a whole history ({error})") from None


def load(folder: str | Path) -> Results:
    """Read a sweep's results, finished or not.

    Args:
        folder: ``ROOT/<sweep>``, where the root may be a URI; the points lie in ``ROOT/points``.

    Raises:
        ResultsError: no such folder, or no sweep.json in it that this gensweep can read.
    """
    store, name = open_folder(folder)
    with as_results_error(store):
        sweep = read_sweep_file(store, name)
        store = store.snapshot(POINTS, name)
        ids = {
            point: cell.params | {"model": cell.model, "seed": seed}
            for cell in sweep.cells
            for seed, point in cell.points.items()
        }
        state = Ledger(store).read(ids, newer="report")
    unreadable = {
        point: reason.replace(f"{store.uri(f'{POINTS}/{point}')}/", "")
        for point, reason in state.unreadable.items()
    }
    names = Names.from_cells((cell.params for cell in sweep.cells), sweep.places)
    datasets = _datasets(sweep)
    sweep = _named(sweep, names)
    records = {point: as_written_now(record) for point, record in state.records.items()}
    metrics = _all_metrics(sweep, records)
    with as_results_error(store):
        validated = validated_values(store, records)
    objectives = objectives_of(sweep, metrics, validated)
    validation = describe(objectives, metrics)
    points = _points(sweep, records, unreadable, metrics, validation, validated)
    varying_of, fixed = _vary(sweep, names)
    varying = [
        name for name in _parameters(sweep) if any(name in names for names in varying_of.values())
    ]
    return Results(
        store=store,
        folder=store.root / name,
        sweep=sweep,
        params={cell.id: cell.params for cell in sweep.cells},
        varying=varying,
        varying_of=varying_of,
        fixed=fixed,
        metrics=metrics,
        objectives=objectives,
        validation=validation,
        cells=build_cell_frame(sweep.cells, points, varying, metrics | validation),
        points=points,
        unmeasured=unmeasured_values(sweep, records, metrics | validation, validated),
        examples=examples_of(sweep, records),
        warnings={point: record.warnings for point, record in records.items() if record.warnings},
        unreadable=unreadable,
        counts={status: points["status"].tolist().count(status) for status in (*STATUSES, MISSING)},
        code_note=describe_code(points, match_records(records, read_verified(store, name))),
        names=names,
        datasets=datasets,
    )


def _named(sweep: SweepFile, names: Names) -> SweepFile:
    """The sweep with text in its parameters as it is called: the user's own data by its folder's name."""

    def rename(params: dict[str, Any]) -> dict[str, Any]:
        return {
            key: names.get_text(key, value) if isinstance(value, str) else value
            for key, value in params.items()
        }

    cells = [cell.model_copy(update={"params": rename(cell.params)}) for cell in sweep.cells]
    data = {
        key: about.model_copy(
            update={
                "dataset": names.get_text("dataset", about.dataset),
                "params": rename(about.params),
            }
        )
        for key, about in sweep.data.items()
    }
    return sweep.model_copy(update={"cells": cells, "data": data})


def _datasets(sweep: SweepFile) -> dict[str, dict[str, Any]]:
    """The parameters of each dataset that the sweep trains on, by the id of its sheet."""
    found = [select_dataset_params(cell.params, sweep.of_dataset) for cell in sweep.cells]
    return {compute_sheet_id(params): params for params in found if "dataset" in params}


def _all_metrics(sweep: SweepFile, records: Mapping[str, Record]) -> dict[str, MetricInfo]:
    """The declared metrics, and those that a record holds beside them; all under their names now."""
    declared = under_names_now(sweep.metrics)
    metrics = dict(declared)
    for record in records.values():
        for key in record.metrics:
            name = key.removeprefix(TEST_PREFIX)
            if name not in declared and key.startswith(TEST_PREFIX):
                info = metrics.setdefault(
                    name, MetricInfo(models=[], doc="not declared in sweep.json")
                )
                if record.model not in info.models:
                    info.models.append(record.model)
    for name in FORMER_DOCS.keys() & metrics.keys():
        metrics[name] = metrics[name].model_copy(update={"doc": FORMER_DOCS[name]})
    return {name: metrics[name] for name in [*declared, *sorted(metrics.keys() - declared.keys())]}


def _points(
    sweep: SweepFile,
    records: Mapping[str, Record],
    unreadable: Mapping[str, str],
    metrics: Mapping[str, MetricInfo],
    validation: Mapping[str, MetricInfo],
    validated: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for cell in sweep.cells:
        for seed, point in cell.points.items():
            row: dict[str, Any] = {"id": point, "cell": cell.id, "model": cell.model, "seed": seed}
            record = records.get(point)
            if record is None:
                row |= {"status": MISSING, "error": unreadable.get(point)}
            else:
                row |= {"status": record.status, "error": record.error, "seconds": record.seconds}
                row["code"] = compare(record.code, record.model, record.params["dataset"])
                row |= {
                    name: record.metrics.get(TEST_PREFIX + name)
                    for name in sound_names(record, metrics)
                }
                row |= {name: validated.get(point, {}).get(name) for name in validation}
            rows.append(row)
    numbers = ["seconds", *metrics, *validation]
    columns = ["id", "cell", "model", "seed", "status", "error", "code", *numbers]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(numbers, float))


def _parameters(sweep: SweepFile) -> list[str]:
    """Every parameter: those of the grids in their order, then the others by name."""
    axes = dict.fromkeys(name for grid in sweep.grids for name in grid.axes)
    known = {name for cell in sweep.cells for name in cell.params}
    return [name for name in axes if name in known] + sorted(known - axes.keys())


def _vary(sweep: SweepFile, names: Names) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """For each model the parameters that vary, and those that do not with their value.

    A parameter that acts in some cells only, always with one value, does not vary: another one
    tells those cells apart. Nor does one of a dataset's own, with one value for each dataset.
    """
    values: dict[str, dict[str, dict[str, Any]]] = {}
    several: set[tuple[str, str]] = set()
    seen: dict[tuple[str, str, str], str] = {}
    for cell in sweep.cells:
        for name, value in cell.params.items():
            text = json.dumps(value)
            values.setdefault(cell.model, {}).setdefault(name, {})[text] = value
            within = str(cell.params.get("dataset")) if name in sweep.of_dataset else ""
            if seen.setdefault((cell.model, name, within), text) != text:
                several.add((cell.model, name))
    order = _parameters(sweep)
    varying = {model: [name for name in order if (model, name) in several] for model in values}
    fixed = {
        model: {
            name: next(iter(found.values()))
            if len(found) == 1
            else " or ".join(names.get_text(name, value) for value in found.values())
            for name, found in params.items()
            if (model, name) not in several
        }
        for model, params in values.items()
    }
    return varying, fixed
