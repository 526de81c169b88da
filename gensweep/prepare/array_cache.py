"""The arrays of datasets, stored in the cache folder by their content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from gensweep.core.data_source import DataSource
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import DataError
from gensweep.prepare.array_checks import check_arrays
from gensweep.prepare.own_code import identify_own_code
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.naming import make_visible
from gensweep.system.signals import raise_if_stopped
from gensweep.system.storage import lock_file, write_atomic, write_json

log = logging.getLogger(__name__)
SCHEMA = 1
GROUPS = ("rows", "split", "banks")
"""The attributes of `DatasetArrays` that hold arrays, and their keys in an entry."""
BUILDERS = (
    "data/**/*.py",
    "data/**/*.toml",
    "data/**/*.npz",
    "core/dataset.py",
    "core/alphabet.py",
)
"""The code and the art that build arrays: a change of any makes all cached arrays outdated."""
_LIBRARIES = ("numpy", "pillow", "mlxtend")

_logged_notes: set[tuple[Path, str]] = set()
"""Notes on entries of the cache that this process has logged."""


def load_arrays(data: DataSource) -> DatasetArrays:
    """Return the arrays of a dataset, from the cache or newly built.

    Arrays from the cache are memory-mapped and read-only. If many processes need the same arrays,
    one builds them and the others wait. Damaged files are built again. If the cache cannot be
    written, building costs time at the next run, and nothing else.

    Raises:
        DataError: the files for the arrays are missing or damaged, or the dataset built what cannot
            be trained on.
    """
    path = get_entry_path(data)
    arrays = _read_or_build(data, path)
    title = make_visible(data.get_title())
    for note in (*arrays.notes, *data.list_remarks()):
        message = f"{title}: {make_visible(note)}"
        # The plan and each trial in this process load the same arrays.
        if (path, message) not in _logged_notes:
            _logged_notes.add((path, message))
            log.warning("%s", message)
    return arrays


def _read_or_build(data: DataSource, path: Path) -> DatasetArrays:
    cached = _read(path)
    if cached is not None:
        return cached
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(
                lock_file(make_cache_folder("prepared") / f"{path.stem}.lock")
            )
        except (DataError, OSError) as error:
            log.warning(
                "the arrays of %s are not cached: %s", data.name, error
            )
            return check_arrays(data, data.prepare())
        # Another process may have built them while this one waited for the lock.
        cached = _read(path, logging.DEBUG)
        if cached is not None:
            return cached
        built = check_arrays(data, data.prepare())
        # A decoder may have lost the exception of a signal, and skipped a picture.
        raise_if_stopped()
        try:
            _write(path, built)
        except (DataError, OSError) as error:
            log.warning(
                "the arrays of %s are not cached: %s; free some space, or set GENSWEEP_CACHE",
                data.name,
                error,
            )
            return built
        # The memory-mapped arrays share memory with other processes; the built ones do not.
        return _read(path) or built


def get_entry_path(data: DataSource) -> Path:
    """Return the file of the cache that lists the arrays of a dataset; it need not exist.

    Its name depends on everything that the arrays depend on: parameters (with the content of the
    user's files), the code that builds them, also that of a user's dataset, and the libraries that
    draw and decode.
    """
    identity = {
        "schema": SCHEMA,
        "data": data.model_dump(exclude={"train_fraction"}),
        "numerics": data.numerics,
        "built_by": _describe_builders(),
    }
    own_code = identify_own_code(type(data))
    if own_code:
        identity["own_code"] = own_code
    text = json.dumps([data.name, identity], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return get_cache_root() / "prepared" / f"{data.name}-{digest[:16]}.json"


def read_entry(path: Path) -> dict[str, dict[str, Any]]:
    """Return the description of the arrays in an entry; empty if there is none.

    Returns:
        `rows`, `split`, `banks` -> name -> `sha256`, `shape`, `dtype`.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))["arrays"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def hash_array(array: np.ndarray) -> str:
    """Return the SHA-256 of an array's values in C order, as hexadecimal digits."""
    # An empty array has no buffer that can be cast.
    if not array.size:
        return hashlib.sha256(b"").hexdigest()
    content = np.ascontiguousarray(array).data.cast("B")
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=1)
def _describe_builders() -> list[str]:
    """Return a digest of the code that builds arrays, and the versions of its libraries."""
    package = Path(__file__).parents[1]
    paths = []
    for pattern in BUILDERS:
        paths += package.glob(pattern)
    code = hashlib.sha256()
    for path in sorted(paths):
        code.update(path.read_bytes())
    libraries = [f"{name} {version(name)}" for name in _LIBRARIES]
    return [code.hexdigest(), *libraries]


def _get_array_path(digest: str) -> Path:
    return get_cache_root() / "arrays" / f"{digest}.npy"


def _write(path: Path, built: DatasetArrays) -> None:
    """Store arrays by their content, so that entries share equal arrays; then write the entry."""
    folder = make_cache_folder("arrays")
    with lock_file(folder / "lock"):
        # Temporary files of processes that were killed while they wrote.
        for temporary in folder.glob(".*.tmp"):
            temporary.unlink(missing_ok=True)
        descriptions = _write_arrays(built)
    entry = {
        "arrays": descriptions,
        "lookups": {name: list(pair) for name, pair in built.lookups.items()},
        "notes": list(built.notes),
        "counts": built.counts,
        "attributes": {
            name: list(values) for name, values in built.attributes.items()
        },
    }
    # Last, so that an entry never names an array that is not there.
    write_json(path, entry)


def _write_arrays(built: DatasetArrays) -> dict[str, dict[str, Any]]:
    """Store arrays that the cache does not have; return the description of all."""
    descriptions: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        descriptions[group] = {}
        for name, original in getattr(built, group).items():
            array = np.ascontiguousarray(original)
            description = {
                "sha256": hash_array(array),
                "crc32": zlib.crc32(array.data),
                "shape": list(array.shape),
                "dtype": array.dtype.str,
            }
            if _map_array(description) is None:
                path = _get_array_path(description["sha256"])
                write_atomic(
                    path, lambda file, array=array: np.save(file, array)
                )
            descriptions[group][name] = description
    return descriptions


def _read(path: Path, level: int = logging.WARNING) -> DatasetArrays | None:
    """Return the arrays of an entry; None if there is none, or it is damaged.

    Args:
        path: the entry.
        level: the level at which damage is logged.
    """
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        fields = _parse_descriptions(entry)
        for group in GROUPS:
            fields[group] = {}
            for name, description in entry["arrays"][group].items():
                array = _map_array(description)
                if array is None:
                    message = "%s of %s is cut short, changed or missing; built again"
                    log.log(level, message, name, path)
                    return None
                fields[group][name] = array
        return DatasetArrays(**fields)
    except FileNotFoundError:
        return None
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        log.log(
            level,
            "%s cannot be read (%s: %s); built again",
            path,
            type(error).__name__,
            error,
        )
        return None


def _parse_descriptions(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `DatasetArrays` that are no arrays.

    Raises:
        LookupError, ValueError, TypeError, AttributeError: the entry is damaged.
    """
    lookups = entry["lookups"].items()
    counts = entry.get("counts", {}).items()
    attributes = entry.get("attributes", {}).items()
    return {
        "lookups": {name: (pair[0], pair[1]) for name, pair in lookups},
        "notes": tuple(map(str, entry["notes"])),
        "counts": {str(name): int(count) for name, count in counts},
        "attributes": {
            str(name): tuple(map(str, values)) for name, values in attributes
        },
    }


def _map_array(description: dict[str, Any]) -> np.ndarray | None:
    """Return a stored array, memory-mapped and read-only; None if it is missing or damaged."""
    path = _get_array_path(description["sha256"])
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    # A plain view is pickled without a copy; a memmap is not.
    array = mapped.view(np.ndarray)
    if [list(array.shape), array.dtype.str] != [
        description["shape"],
        description["dtype"],
    ]:
        return None
    # The checksum is quick; SHA-256 of all arrays would take longer than to load them.
    if zlib.crc32(array.data) != description["crc32"]:
        return None
    return array
