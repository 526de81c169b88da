"""Prepared arrays, kept in the cache folder by their content."""

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

from gensweep.core.config import Data
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import DataError
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.naming import make_visible
from gensweep.system.signals import raise_if_stopped
from gensweep.system.storage import lock_file, write_atomic, write_json

log = logging.getLogger(__name__)
SCHEMA = 1
GROUPS = ("rows", "split", "banks")
BUILDERS = ("data/**/*.py", "data/**/*.toml", "core/dataset.py", "core/alphabet.py")
"""The code and art that arrays come from: a change of any of it makes every kept array stale."""


def load_arrays(data: Data) -> DatasetArrays:
    """A dataset's arrays, read from the cache, or built and kept there.

    Kept arrays are memory-mapped and read-only. When several processes ask at once, one builds and the others
    wait. A damaged file is built again; a cache that cannot be written to costs time, and nothing else.

    Raises:
        DataError: what the arrays come from is not here, or damaged.
    """
    found = _prepared(data, get_entry_path(data))
    for note in (*found.notes, *data.list_remarks()):
        log.warning("%s: %s", make_visible(data.get_title()), make_visible(note))
    return found


def _prepared(data: Data, path: Path) -> DatasetArrays:
    if (kept := _read(path)) is not None:
        return kept
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_file(make_cache_folder("prepared") / f"{path.stem}.lock"))
        except (DataError, OSError) as error:
            log.warning("the arrays of %s are not kept: %s", data.name, error)
            return data.prepare()
        if (kept := _read(path, logging.DEBUG)) is not None:  # somebody was faster
            return kept
        built = data.prepare()
        raise_if_stopped()  # a decoder that lost the exception may have left a picture out
        try:
            _write(path, built)
        except (DataError, OSError) as error:
            log.warning(
                "the arrays of %s are not kept: %s; free some space, or set GENSWEEP_CACHE",
                data.name,
                error,
            )
            return built
        return _read(path) or built


def get_entry_path(data: Data) -> Path:
    """The file of the cache that lists a dataset's arrays; it need not exist.

    Named by all that the arrays depend on: parameters, content of the user's own files (it is among the
    parameters), the code that builds them, and the libraries that draw and decode.
    """
    identity = {
        "schema": SCHEMA,
        "data": data.model_dump(exclude={"train_fraction"}),
        "numerics": data.numerics,
        "built_by": _describe_builders(),
    }
    digest = hashlib.sha256(json.dumps([data.name, identity], sort_keys=True).encode()).hexdigest()
    return get_cache_root() / "prepared" / f"{data.name}-{digest[:16]}.json"


def read_entry(path: Path) -> dict[str, dict[str, Any]]:
    """What an entry says of its arrays: `rows`, `split`, `banks` -> name -> `hash_array`, `shape`, `dtype`; or nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["arrays"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def hash_array(array: np.ndarray) -> str:
    """SHA-256 of an array's values in C order, as hexadecimal digits."""
    return hashlib.sha256(
        np.ascontiguousarray(array).data.cast("B") if array.size else b""
    ).hexdigest()


@lru_cache(maxsize=1)
def _describe_builders() -> list[str]:
    package = Path(__file__).parents[1]
    code = hashlib.sha256()
    for path in sorted(path for pattern in BUILDERS for path in package.glob(pattern)):
        code.update(path.read_bytes())
    return [
        code.hexdigest(),
        *(f"{name} {version(name)}" for name in ("numpy", "pillow", "mlxtend")),
    ]


def _array_path(digest: str) -> Path:
    return get_cache_root() / "arrays" / f"{digest}.npy"


def _write(path: Path, built: DatasetArrays) -> None:
    """Keep arrays by content, so that entries share what is equal; then list them in the entry, last."""
    folder = make_cache_folder("arrays")
    described: dict[str, Any] = {group: {} for group in GROUPS}
    with lock_file(folder / "lock"):
        for left in folder.glob(".*.tmp"):  # by processes that were killed while they wrote
            left.unlink(missing_ok=True)
        _write_arrays(built, described)
    lookups = {name: list(pair) for name, pair in built.lookups.items()}
    entry = {
        "arrays": described,
        "lookups": lookups,
        "notes": list(built.notes),
        "counts": built.counts,
    }
    write_json(path, entry)


def _write_arrays(built: DatasetArrays, described: dict[str, Any]) -> None:
    for group in GROUPS:
        for name, array in getattr(built, group).items():
            array = np.ascontiguousarray(array)
            about = {
                "sha256": hash_array(array), "crc32": zlib.crc32(array.data),
                "shape": list(array.shape), "dtype": array.dtype.str,
            }  # fmt: skip
            if _map(about) is None:
                write_atomic(
                    _array_path(about["sha256"]), lambda file, array=array: np.save(file, array)
                )
            described[group][name] = about


def _read(path: Path, level: int = logging.WARNING) -> DatasetArrays | None:
    """An entry's arrays; None where there is none, or it is not whole, which is logged."""
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        found = {
            (group, name): _map(about)
            for group in GROUPS
            for name, about in entry["arrays"][group].items()
        }
        lookups = {name: (pair[0], pair[1]) for name, pair in entry["lookups"].items()}
        notes = tuple(map(str, entry["notes"]))
        counts = {str(name): int(count) for name, count in entry.get("counts", {}).items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        log.log(level, "%s cannot be read (%s: %s); built again", path, type(error).__name__, error)
        return None
    groups: dict[str, dict[str, np.ndarray]] = {group: {} for group in GROUPS}
    for (group, name), array in found.items():
        if array is None:
            log.log(level, "%s of %s is cut short, changed or missing; built again", name, path)
            return None
        groups[group][name] = array
    return DatasetArrays(lookups=lookups, notes=notes, counts=counts, **groups)


def _map(about: dict[str, Any]) -> np.ndarray | None:
    """The array as it lies on the disk, read-only; None where it is not there, or not what was written."""
    try:
        # A plain view: pickled without a copy, as a memmap is not.
        array = np.load(_array_path(about["sha256"]), mmap_mode="r", allow_pickle=False).view(
            np.ndarray
        )
    except (OSError, ValueError, EOFError):
        return None
    if [list(array.shape), array.dtype.str] != [about["shape"], about["dtype"]]:
        return None
    return array if zlib.crc32(array.data) == about["crc32"] else None
