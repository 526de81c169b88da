"""Download datasets and draw their examples, for `data fetch` and `data show`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from gensweep.core.errors import (
    DataError,
    SweepError,
    UnknownNameError,
    UserError,
)
from gensweep.core.registries import DATASETS, DOWNLOADS, get_dataset_class
from gensweep.data import _digits
from gensweep.prepare.array_cache import load_arrays
from gensweep.prepare.contact_sheet import choose_rows, draw_sheet, encode_png
from gensweep.sweep.parameters import configure
from gensweep.system.storage import write_atomic
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

log = logging.getLogger(__name__)
Examples = tuple[np.ndarray | None, list[str], int]
"""Pictures, if there are any, and captions of the chosen examples; the number of all examples."""


def fetch(name: str, options: Mapping[str, Any], console: Console) -> None:
    """Download a dataset into the cache with a progress bar, and print the result.

    Args:
        name: the download.
        options: values of the command line's options; None: not given.
        console: the console to print to.

    Raises:
        UserError: there is no such download, or it does not accept an option.
        FetchError: the download failed; no incomplete file remains.
    """
    if name not in DOWNLOADS and name in DATASETS:
        raise UserError(
            f"{name} needs no download; downloads: {', '.join(DOWNLOADS)}"
        )
    download = DOWNLOADS[name]
    arguments = {
        key: value for key, value in options.items() if value is not None
    }
    accepted = set(inspect.signature(download.fetch).parameters)
    for key in arguments.keys() - accepted:
        valid = ", ".join(
            f"--{option}" for option in options if option in accepted
        )
        raise UserError(f"{name} does not accept --{key}; it accepts {valid}")
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_live,
    )
    with bar:
        task = bar.add_task(name, total=None)

        def show_progress(text: str, done: int, total: int) -> None:
            bar.update(
                task, description=text, completed=done, total=total or None
            )

        message = download.fetch(show_progress, **arguments)
    console.print(message, soft_wrap=True)


def show_examples(
    name: str,
    values: dict[str, Any],
    n: int,
    seed: int,
    out: Path,
    console: Console,
) -> None:
    """Write a contact sheet of a dataset or a source of digits, and print what it shows.

    Args:
        name: `avatars`, `folder:DIR`, `mnist`, ...
        values: parameters of the dataset.
        n: the maximum number of examples.
        seed: chooses the examples.
        out: the PNG file to write.
        console: the console to print to.

    Raises:
        UserError: a name or parameter is wrong, the data is not here, or the file cannot be
            written.
    """
    if out.suffix.lower() != ".png":
        raise UserError(
            f"--out {out}: the sheet is a PNG file; name it {out.with_suffix('.png')}"
        )
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}")
    if _is_digit_source(name):
        pictures, captions, total = _choose_digits(name, values, n, seed)
    else:
        pictures, captions, total = _choose_examples(name, values, n, seed)
    sheet = draw_sheet(pictures, captions)
    write_atomic(out.absolute(), encode_png(sheet))
    count = len(captions) if pictures is None else len(pictures)
    print_line(console, f"{count:,} of {total:,} examples of {name}: {out}")


def _is_digit_source(name: str) -> bool:
    scheme = name.partition(":")[0]
    return scheme in _digits.DIGITS.schemes or name in _digits.DIGITS.names


def _choose_digits(
    name: str, values: dict[str, Any], n: int, seed: int
) -> Examples:
    if values:
        raise SweepError(f"{name} has no parameters; --set is for datasets")
    try:
        digits = _digits.read_digits(_digits.DIGITS(name))
    except ValueError as error:
        raise DataError(str(error)) from error
    for note in digits.notes:
        log.warning("%s: %s", name, note)
    labels = digits.labels
    rows = choose_rows(len(labels), n, seed)
    # Sorted by digit, so that the sheet is easy to check.
    rows = rows[np.argsort(labels[rows], kind="stable")]
    captions = [str(label) for label in labels[rows]]
    return digits.pictures[rows, None], captions, len(labels)


def _choose_examples(
    name: str, values: dict[str, Any], n: int, seed: int
) -> Examples:
    if name.partition(":")[0] not in DATASETS:
        raise UnknownNameError(
            "dataset", name, [*DATASETS, *_digits.DIGITS.names]
        )
    config = get_dataset_class(name)
    if "dataset" in values:
        raise SweepError(
            f"--set dataset: the dataset is {name}; change NAME instead"
        )
    if "dataset" in config.model_fields:
        values = values | {"dataset": name}
    data = configure(config, values)
    data.check()
    arrays = load_arrays(data)
    pictures, captions = data.select_examples(
        arrays, choose_rows(len(arrays), n, seed)
    )
    return pictures, captions, len(arrays)
