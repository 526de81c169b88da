"""The datasets of a run: prepare their arrays, print how they are split, write sheets of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import UserError
from gensweep.execute.trial_setup import prepare_arrays
from gensweep.ledger.manifest_writer import list_dataset_parameters
from gensweep.ledger.stores import Store
from gensweep.prepare.contact_sheet import (
    DATASETS_FOLDER,
    choose_rows,
    compute_sheet_id,
    draw_sheet,
    encode_png,
    find_sheet,
    select_dataset_params,
)
from gensweep.prepare.fingerprint import find_paths
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.file_stems import make_file_stem
from gensweep.system.naming import Names
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

log = logging.getLogger(__name__)
EXAMPLES_ON_SHEET = 16
SHEETS_FIGURE = "dataset_samples"
"""The figure that shows the sheets of a sweep's datasets."""


def prepare_datasets(
    points: list[Point], console: Console
) -> dict[str, DatasetArrays]:
    """Prepare every dataset in the cache, so that workers download nothing.

    A dataset whose arrays cannot be built is left to its trials, which report the error.

    Returns:
        The arrays by `Point.data_key`.

    Raises:
        DataError: a dataset is missing or unusable; the message says what to do.
    """
    point_of_data = {
        point.data_key: point
        for point in points
        if point.data_config().has_arrays
    }
    # All are checked first: preparing one may take minutes.
    for point in point_of_data.values():
        point.data_config().check()
    arrays: dict[str, DatasetArrays] = {}
    for point in point_of_data.values():
        with console.status(f"preparing {point.params['dataset']}"):
            arrays |= prepare_arrays(point)
    return arrays


def publish_datasets(
    sweep: Sweep,
    points: list[Point],
    arrays: Mapping[str, DatasetArrays],
    store: Store,
    console: Console,
) -> None:
    """Print how each prepared dataset is split, and write its sheet beside the sweep's tables.

    If the sweep has the figure of its datasets, a dataset without a sheet gets one even if
    nothing of it is trained: its points may have been trained for another sweep.

    Args:
        sweep: the sweep.
        points: the points that this call wants.
        arrays: the datasets that were prepared, by `Point.data_key`.
        store: the results root.
        console: where to print.
    """
    cells = [params for _, params in sweep.cells()]
    names = Names.from_cells(
        cells,
        find_paths(value for params in cells for value in params.values()),
    )
    of_dataset = list_dataset_parameters(
        params["dataset"] for params in cells
    )
    folder = f"{sweep.name}/{DATASETS_FOLDER}"
    files = store.list_files(folder)
    lines: dict[
        str, None
    ] = {}  # an ordered set: datasets of one name may be split alike
    for key, point in {point.data_key: point for point in points}.items():
        if not point.data_config().has_arrays:
            continue
        name = names.get_text("dataset", point.params["dataset"])
        sheet = compute_sheet_id(
            select_dataset_params(point.params, of_dataset)
        )
        file = find_sheet(files, sheet)
        prepared = arrays.get(key)
        if prepared is not None:
            lines[_describe_split(name, prepared)] = None
        elif file is None and SHEETS_FIGURE in sweep.figures:
            prepared = _prepare_for_sheet(point, console)
        if prepared is not None:
            path = f"{folder}/{file or f'{make_file_stem(name)}-{sheet}.png'}"
            _write_sheet(store, path, point, prepared, is_new=file is None)
    for line in lines:
        print_line(console, line)


def _describe_split(name: str, arrays: DatasetArrays) -> str:
    """Return in words how many examples a dataset has for which purpose."""
    test, validation = (
        len(arrays.split["test"]),
        len(arrays.split["validation"]),
    )
    return f"{name}: {len(arrays):,} examples, {test:,} to test, {validation:,} to validate."


def _write_sheet(
    store: Store, path: str, point: Point, arrays: DatasetArrays, is_new: bool
) -> None:
    """Write the sheet of a dataset, unless the same sheet is there already."""
    chosen = choose_rows(len(arrays), EXAMPLES_ON_SHEET)
    content = encode_png(
        draw_sheet(*point.data_config().select_examples(arrays, chosen))
    )
    # An unchanged file keeps its time, by which the next collection knows that it is the same.
    if is_new or store.read(path) != content:
        store.write(path, content)


def _prepare_for_sheet(
    point: Point, console: Console
) -> DatasetArrays | None:
    """Return the arrays of a point that is not trained now; None if they are unavailable."""
    try:
        point.data_config().check()
        with console.status(f"preparing {point.params['dataset']}"):
            return prepare_arrays(point).get(point.data_key)
    except UserError as error:
        log.warning("no sheet of a dataset: %s", error)
        return None
