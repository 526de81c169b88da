"""One point of a results root, found by its id."""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from pathlib import Path

from gensweep.core.errors import RecordError, ResultsError
from gensweep.core.own_data import OWN_DATA
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_folder, open_store
from gensweep.ledger.point_files import POINTS, RECORD, WEIGHTS
from gensweep.ledger.recorded_points import rebuild_point
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store, as_results_error
from gensweep.sweep.point import Point
from gensweep.system.storage import parse_json

MAX_IDS_LISTED = 5
"""Ids in an error about a name that fits many points."""


@dataclass(frozen=True)
class StoredPoint:
    """A point with what its trial wrote.

    Attributes:
        record: the record of the trial.
        store: the results root.
        folder: the folder on this machine that holds its files, or copies of them.
    """

    record: Record
    store: Store
    folder: Path

    @property
    def point(self) -> Point:
        """Return the point itself, with its configs.

        Raises:
            ResultsError: this gensweep would train something else under its id, or its model is
                in a user's file that is not loaded.
        """
        return rebuild_point(self.record)

    def list_sweeps(self) -> list[str]:
        """Return the sweeps under the root that contain the point."""
        sweeps = []
        for sweep in sorted(self.store.list_folders("")):
            try:
                cells = parse_json(self.store.read(f"{sweep}/sweep.json"))[
                    "cells"
                ]
                if any(
                    self.record.id in cell["points"].values()
                    for cell in cells
                ):
                    sweeps.append(sweep)
            except (
                OSError,
                ValueError,
                LookupError,
                TypeError,
                AttributeError,
            ):
                # No sweep, or a damaged file, of which `collect` says what is wrong with it.
                continue
        return sweeps


def find_point(name: str, results: str | Path = "results") -> StoredPoint:
    """Return a point by its id, the beginning of its id, or its folder.

    Args:
        name: `vae-e2-d3-s0-3f9a1c2b4d5e`, `vae-e2-d3-s0`, or
            `results/points/vae-e2-d3-s0-3f9a1c2b4d5e`.
        results: the results root, unless the name is a folder.

    Raises:
        ResultsError: no point or more than one has this name, or its record cannot be read.
    """
    if "://" in name:
        points, point_id = open_folder(name)
        store, _ = open_folder(points.root_uri)
    elif (Path(name) / RECORD).is_file():
        folder = Path(name).absolute()
        store = Store(folder.parents[1])
        point_id = folder.name
    else:
        store = open_store(results)
        with as_results_error(store):
            point_id = _find_id(name.strip("/"), store)
    return load_stored_point(store, point_id)


def load_stored_point(store: Store, point_id: str) -> StoredPoint:
    """Return the point with this id, and its files.

    Raises:
        ResultsError: it has no record, or its record cannot be read.
    """
    try:
        record = Ledger(store).read_record(point_id)
        return StoredPoint(
            record, store, store.download(f"{POINTS}/{point_id}")
        )
    except FileNotFoundError:
        raise ResultsError(
            f"{point_id} has no {RECORD} yet: its training was begun and not finished"
        ) from None
    except (RecordError, OSError) as error:
        raise ResultsError(str(error)) from error


def find_trained_point(
    name: str, results: str | Path = "results"
) -> StoredPoint:
    """Return a point that ended ok and has weights; its name is as in `find_point`.

    Raises:
        ResultsError: it is not found, it diverged or failed, or its weights are gone.
    """
    return require_weights(find_point(name, results))


def require_weights(stored: StoredPoint) -> StoredPoint:
    """Return the point; raise ResultsError if it did not end ok or has no weights."""
    record = stored.record
    if record.status != Status.OK:
        raise ResultsError(
            f"{record.id} {record.status}: {record.error}; it has no weights to load"
        )
    if record.params.get("dataset") == OWN_DATA:
        raise ResultsError(
            f"{record.id} is of a task: it has no weights that gensweep can load; what the task "
            f"wrote is in {stored.store.uri(f'{POINTS}/{record.id}/files')}"
        )
    if not (stored.folder / WEIGHTS).is_file():
        weights = stored.store.uri(f"{POINTS}/{record.id}/{WEIGHTS}")
        raise ResultsError(
            f'{record.id}: there is no {weights}; `prune` or keep="nothing" may have removed it. '
            "Remove the point's folder and run its sweep to train it again"
        )
    return stored


def _find_id(name: str, store: Store) -> str:
    """Return the one id that a name is, or begins.

    Raises:
        ResultsError: there is none, or more than one.
    """
    points = store.uri(POINTS)
    if POINTS not in store.list_folders(""):
        raise ResultsError(
            f"there is no folder {points}; --results names another root"
        )
    ids = sorted(
        one for one in store.list_folders(POINTS) if not one.startswith(".")
    )
    if name in ids:
        return name
    matches = [one for one in ids if name and one.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = "; ".join(_describe_differences(store, matches))
        if len(matches) > MAX_IDS_LISTED:
            listed += f"; and {len(matches) - MAX_IDS_LISTED} more"
        raise ResultsError(
            f"{name!r} begins the ids of {len(matches)} points: {listed}"
        )
    message = f"no point {name!r} among the {len(ids)} in {points}"
    similar = difflib.get_close_matches(name, ids, n=1, cutoff=0.5)
    if similar:
        message += f"; did you mean {similar[0]!r}?"
    raise ResultsError(message)


def _describe_differences(store: Store, ids: list[str]) -> list[str]:
    """Return the first ids, each with the parameters in which it differs from the others."""
    params: dict[str, dict] = {}
    for point_id in ids:
        with contextlib.suppress(RecordError, OSError):
            record = Ledger(store).read_record(point_id)
            params[point_id] = record.params | {"seed": record.seed}
    differing = []
    for key in sorted({key for values in params.values() for key in values}):
        if len({str(values.get(key)) for values in params.values()}) > 1:
            differing.append(key)
    descriptions = []
    for point_id in ids[:MAX_IDS_LISTED]:
        description = point_id
        if point_id in params:
            values = [
                f"{key}={params[point_id].get(key)}" for key in differing
            ]
            description += f" ({', '.join(values)})"
        descriptions.append(description)
    return descriptions
