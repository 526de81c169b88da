"""Reading the results of a sweep from a results root, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.manifest import SweepFile, read_sweep_file
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.search_log import SearchInfo, read_search_log
from gensweep.ledger.state import State
from gensweep.ledger.status import STATUSES, Status
from gensweep.ledger.stores import Store, as_results_error
from gensweep.report.objectives import choose_objectives, describe_objectives
from gensweep.report.parameters import (
    list_datasets,
    order_parameters,
    rename_values,
    split_parameters,
)
from gensweep.report.points import build_point_frame, collect_metrics
from gensweep.report.record_metrics import (
    collect_example_counts,
    explain_missing_values,
    load_validation_values,
    upgrade_record,
)
from gensweep.report.results import Results
from gensweep.report.searches import keep_results
from gensweep.report.summary import build_cell_frame
from gensweep.report.verified import (
    describe_code,
    match_records,
    read_verified,
)
from gensweep.system.garbage import pause_collection
from gensweep.system.naming import Names

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.ledger.records import Record


@dataclass(frozen=True)
class _Files:
    """The content of the files of a sweep.

    Attributes:
        store: a snapshot of the results root.
        name: of the sweep's folder in it.
        sweep: its sweep.json, without the points that only chose trials of a search.
        selection_note: why those points are in `sweep` nevertheless; mostly empty.
        searches: its search.json.
        state: what the ledger knows of the points.
    """

    store: Store
    name: str
    sweep: SweepFile
    selection_note: str
    searches: dict[str, SearchInfo]
    state: State


@pause_collection()
def load(folder: str | Path) -> Results:
    """Read a sweep's results, finished or not.

    Args:
        folder: ``ROOT/<sweep>``, where the root may be a URI; the points are in ``ROOT/points``.

    Raises:
        ResultsError: no such folder, or no sweep.json in it that this gensweep can read.
    """
    files = _read_files(folder)
    store, sweep = files.store, files.sweep
    names = Names.from_cells(
        (cell.params for cell in sweep.cells), sweep.places
    )
    datasets = list_datasets(sweep)
    sweep = rename_values(sweep, names)
    records = {
        point: upgrade_record(record)
        for point, record in files.state.records.items()
    }
    metrics = collect_metrics(sweep, records)
    with as_results_error(store):
        validated = load_validation_values(store, records)
    objectives = choose_objectives(sweep, metrics, validated)
    validation = describe_objectives(objectives, metrics)
    described = metrics | validation
    unreadable = _shorten_reasons(store, files.state.unreadable)
    points = build_point_frame(
        sweep, records, unreadable, metrics, validation, validated
    )
    varying_of, fixed = split_parameters(sweep, names)
    varying = _list_varying(sweep, varying_of)
    verified = match_records(records, read_verified(store, files.name))
    return Results(
        store=store,
        folder=store.root / files.name,
        sweep=sweep,
        params={cell.id: cell.params for cell in sweep.cells},
        varying=varying,
        varying_of=varying_of,
        fixed=fixed,
        metrics=metrics,
        objectives=objectives,
        validation=validation,
        cells=build_cell_frame(sweep.cells, points, varying, described),
        points=points,
        own_seconds={
            point: records[point].own_seconds
            for point in points["id"]
            if point in records
        },
        unmeasured=explain_missing_values(
            sweep, records, described, validated
        ),
        examples=collect_example_counts(sweep, records),
        warnings=_collect_warnings(records),
        unreadable=unreadable,
        counts=_count_statuses(points),
        code_note=describe_code(points, verified),
        searches=files.searches,
        selection_note=files.selection_note,
        names=names,
        datasets=datasets,
        epochs=_collect_epochs(records),
    )


def _read_files(folder: str | Path) -> _Files:
    """Return what the files say as of one moment, although points are being trained."""
    store, name = open_folder(folder)
    with as_results_error(store):
        sweep, selection_note = keep_results(read_sweep_file(store, name))
        searches = read_search_log(store, name)
        store = store.snapshot(POINTS, name)
        state = _read_ledger(store, sweep)
    return _Files(store, name, sweep, selection_note, searches, state)


def _list_varying(
    sweep: SweepFile, varying_of: Mapping[str, list[str]]
) -> list[str]:
    """Return the parameters that vary within any model, in the order of the grids."""
    varying_anywhere = {
        name for parameters in varying_of.values() for name in parameters
    }
    return [
        name for name in order_parameters(sweep) if name in varying_anywhere
    ]


def _collect_warnings(records: Mapping[str, Record]) -> dict[str, list[str]]:
    return {
        point: record.warnings
        for point, record in records.items()
        if record.warnings
    }


def _count_statuses(points: pd.DataFrame) -> dict[str, int]:
    statuses = points["status"].tolist()
    return {
        status: statuses.count(status)
        for status in (*STATUSES, Status.MISSING)
    }


def _collect_epochs(records: Mapping[str, Record]) -> dict[str, int]:
    """Return how many epochs each ok point completed, by its id."""
    return {
        point: record.epochs
        for point, record in records.items()
        if record.status == Status.OK
    }


def _read_ledger(store: Store, sweep: SweepFile) -> State:
    """Return what the ledger knows about the sweep's points."""
    expected = {}
    for cell in sweep.cells:
        for seed, point in cell.points.items():
            varied = dict.fromkeys(sweep.vary, seed)
            expected[point] = (
                cell.params | varied | {"model": cell.model, "seed": seed}
            )
    return Ledger(store).read(expected, newer="report")


def _shorten_reasons(
    store: Store, unreadable: dict[str, str]
) -> dict[str, str]:
    """Return why records cannot be trusted, without the folder of the point, by point id."""
    return {
        point: reason.replace(f"{store.uri(f'{POINTS}/{point}')}/", "")
        for point, reason in unreadable.items()
    }
