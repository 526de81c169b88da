"""One point of a results root, found again by its id."""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from pathlib import Path

from gensweep.core.errors import RecordError, ResultsError
from gensweep.ledger.ledger import POINTS, RECORD, Ledger
from gensweep.ledger.open_store import open_folder, open_store
from gensweep.ledger.records import OK, Record
from gensweep.ledger.stores import Store, as_results_error
from gensweep.sweep.point import Point
from gensweep.system.storage import parse_json

SHOWN = 5


@dataclass(frozen=True)
class StoredPoint:
    """A point with what its trial left.

    Attributes:
        record: what the trial said of it.
        store: the results root.
        folder: where its files, or copies of them, lie on this machine.
    """

    record: Record
    store: Store
    folder: Path

    @property
    def point(self) -> Point:
        """The point itself, with its configs.

        Raises:
            ResultsError: this gensweep would not train the same under its id.
        """
        point = Point.make(self.record.model, self.record.params, self.record.seed)
        if point.id != self.record.id:
            raise ResultsError(
                f"{self.record.id}: this gensweep knows these parameters as {point.id}; it changed since"
            )
        return point

    def sweeps(self) -> list[str]:
        """The sweeps under the root that want the point."""
        found = []
        for sweep in sorted(self.store.list_folders("")):
            try:
                cells = parse_json(self.store.read(f"{sweep}/sweep.json"))["cells"]
                if any(self.record.id in cell["points"].values() for cell in cells):
                    found.append(sweep)
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                continue  # `collect` says what is wrong with it
        return found


def find_point(name: str, results: str | Path = "results") -> StoredPoint:
    """A point by its id, the beginning of its id, or its folder.

    Args:
        name: `vae-e2-d3-s0-3f9a1c2b4d5e`, `vae-e2-d3-s0`, or `results/points/vae-e2-d3-s0-3f9a1c2b4d5e`.
        results: the results root, where the name is no folder.

    Raises:
        ResultsError: there is none, more than one, or none with a record that can be read.
    """
    if "://" in name:
        points, found = open_folder(name)
        store, _ = open_folder(points.root_uri)
    elif (Path(name) / RECORD).is_file():
        folder = Path(name).absolute()
        store, found = Store(folder.parents[1]), folder.name
    else:
        store = open_store(results)
        with as_results_error(store):
            found = _search(name.strip("/"), store)
    try:
        return StoredPoint(
            Ledger(store).read_record(found), store, store.download(f"{POINTS}/{found}")
        )
    except FileNotFoundError:
        raise ResultsError(f"{found} has no {RECORD} yet: it was begun and not finished") from None
    except (RecordError, OSError) as error:
        raise ResultsError(str(error)) from error


def _search(name: str, store: Store) -> str:
    points = store.uri(POINTS)
    if POINTS not in store.list_folders(""):
        raise ResultsError(f"there is no folder {points}; --results names another root")
    names = sorted(one for one in store.list_folders(POINTS) if not one.startswith("."))
    found = [one for one in names if one == name] or [
        one for one in names if name and one.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise ResultsError(
            f"{name!r} begins the ids of {len(found)} points: {'; '.join(_apart(store, found))}{more}"
        )
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise ResultsError(f"no point {name!r} among the {len(names)} in {points}{guess}")


def _apart(store: Store, names: list[str]) -> list[str]:
    """The first ids, each with the parameters in which it differs from the others."""
    params: dict[str, dict] = {}
    for name in names:
        with contextlib.suppress(RecordError, OSError):
            record = Ledger(store).read_record(name)
            params[name] = record.params | {"seed": record.seed}
    values = {
        key: {str(found.get(key)) for found in params.values()}
        for found in params.values()
        for key in found
    }
    differing = [key for key, several in sorted(values.items()) if len(several) > 1]
    return [
        f"{name} ({', '.join(f'{key}={params[name].get(key)}' for key in differing)})"
        if name in params
        else name
        for name in names[:SHOWN]
    ]


def find_trained_point(name: str, results: str | Path = "results") -> StoredPoint:
    """As `find_point`, a point that ended ok and has weights.

    Raises:
        ResultsError: it diverged or failed, or its weights are gone.
    """
    kept = find_point(name, results)
    if kept.record.status != OK:
        raise ResultsError(
            f"{kept.record.id} {kept.record.status}: {kept.record.error}; it has no weights to look at"
        )
    if not (kept.folder / "weights.pt").is_file():
        weights = kept.store.uri(f"{POINTS}/{kept.record.id}/weights.pt")
        raise ResultsError(f"{kept.record.id}: there is no {weights}; train it again to have it")
    return kept
