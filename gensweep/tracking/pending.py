"""Runs that are not uploaded to W&B yet, according to the files in the points' folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gensweep.ledger.claims import CLAIM, find_live
from gensweep.ledger.ledger import POINTS, SYNCED
from gensweep.ledger.manifest import read_sweep_file
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Point
from gensweep.system.text import pluralize
from gensweep.tracking.settings import WANDB_FOLDER
from gensweep.tracking.wandb_run import HEADER_BYTES

_START_TIME = re.compile(r"run-(\d{8}_\d{6})-")
_ENTITY_FIELD, _PROJECT_FIELD = 2, 3
"""Numbers of two fields in the protobuf that describes a run."""
_MAX_DESCRIPTION_BYTES = 4096
"""The description of a run is within this part of its file."""


@dataclass(frozen=True)
class PendingRun:
    """A point's run that is not uploaded completely.

    Attributes:
        point: the id of the point.
        files: its `.wandb` files in the order of their attempts.
        entity: the W&B user or team to upload to; may be empty.
        project: the W&B project to upload to.
        store: the root that contains the files, or of which they are local copies.
    """

    point: str
    files: tuple[Path, ...]
    entity: str
    project: str
    store: Store

    def store_marks(self) -> None:
        """Write the marks of uploaded files to the store, and nothing else.

        Another process may have changed the other files since they were copied.
        """
        for file in self.files:
            mark = file.with_name(file.name + SYNCED)
            if mark.exists():
                self.store.write(
                    mark.relative_to(self.store.root).as_posix(), b""
                )


@dataclass
class PendingUploads:
    """The pending runs of some sweeps, and the number of points without one.

    Attributes:
        runs: the runs to upload.
        uploaded: points with a complete upload.
        training: points that a process is training now.
        empty: points whose process was killed before it wrote anything.
        untracked: points without a W&B run.
    """

    runs: list[PendingRun] = field(default_factory=list)
    uploaded: int = 0
    training: int = 0
    empty: int = 0
    untracked: int = 0

    def describe(self, host: str | None = None) -> str:
        """Return a summary in one line.

        Args:
            host: the server to upload to, if it is known.
        """
        parts = [self._describe_runs(host)]
        if self.uploaded or self.runs:
            parts.append(f"{self.uploaded} uploaded already")
        if self.training:
            parts.append(f"{self.training} in training and skipped this time")
        if self.empty:
            parts.append(f"{self.empty} killed before anything was written")
        if self.untracked:
            reason = "not trained yet, or with --wandb disabled"
            parts.append(f"{self.untracked} without a W&B run ({reason})")
        return ", ".join(parts) + "."

    def _describe_runs(self, host: str | None) -> str:
        targets = []
        for run in self.runs:
            target = (
                f"{run.entity}/{run.project}" if run.entity else run.project
            )
            if run.project and target not in targets:
                targets.append(target)
        destination = f" to {' and '.join(targets)}" if targets else ""
        if host:
            destination += f" at {host}"
        if not self.runs:
            return "Nothing to upload"
        return f"{pluralize(len(self.runs), 'run')} to upload{destination}"


def find_pending(
    folders: Sequence[str], project: str | None, entity: str | None
) -> PendingUploads:
    """Find the runs to upload by their files alone; arguments and errors as in `sync.sync`."""
    pending = PendingUploads()
    points: dict[str, tuple[Store, Store]] = {}
    for folder in folders:
        store, name = open_folder(folder)
        sweep = read_sweep_file(store, name)
        snapshot = store.snapshot(POINTS)
        for cell in sweep.cells:
            for point_id in cell.points.values():
                points[f"{POINTS}/{point_id}"] = (store, snapshot)
    claimed = []
    for name, (store, snapshot) in points.items():
        if snapshot.exists(f"{name}/{CLAIM}"):
            claimed.append((store, name))
    live = find_live(claimed)
    for name, (store, snapshot) in points.items():
        point_folder = snapshot.download(f"{name}/{WANDB_FOLDER}").parent
        files = sorted(
            point_folder.glob("wandb/*run-*/run-*.wandb"), key=_sort_key
        )
        if name in live:
            pending.training += 1
        elif not files:
            pending.untracked += 1
        else:
            _add_run(
                pending, point_folder.name, files, store, project, entity
            )
    return pending


def _add_run(
    pending: PendingUploads,
    point_id: str,
    files: list[Path],
    store: Store,
    project: str | None,
    entity: str | None,
) -> None:
    """Count the files of a point, and add those that were not uploaded as a run."""
    is_marked = [
        file.with_name(file.name + SYNCED).exists() for file in files
    ]
    new = files
    if any(is_marked):
        # Files before the last mark are of earlier attempts, which the marked run contains.
        after_last_mark = len(files) - is_marked[::-1].index(True)
        new = files[after_last_mark:]
    written = tuple(
        file for file in new if file.stat().st_size > HEADER_BYTES
    )
    if written:
        logged_entity, logged_project = _read_target(written[-1])
        pending.runs.append(
            PendingRun(
                point_id,
                written,
                entity or logged_entity,
                project or logged_project,
                store,
            )
        )
    elif any(is_marked):
        pending.uploaded += 1
    else:
        pending.empty += 1


def _sort_key(file: Path) -> tuple[str, str]:
    """Return when the attempt that wrote a file began, by the name of its folder."""
    match = _START_TIME.search(file.parent.name)
    start = match[1] if match else ""
    return start, file.parent.name


def _read_target(file: Path) -> tuple[str, str]:
    """Return the entity and the project that a `.wandb` file names; both empty if it names none.

    A run that was logged without an entity has the entity of the environment.
    """
    names = _read_names(file)
    if _PROJECT_FIELD not in names:
        return "", ""
    entity = names.get(_ENTITY_FIELD) or os.environ.get("WANDB_ENTITY") or ""
    return entity, names[_PROJECT_FIELD]


def _read_names(file: Path) -> dict[int, str]:
    """Return the entity and the project in a `.wandb` file by their field numbers.

    One of its first records describes the run as a protobuf: field 1 is the run's id, 2 the
    entity, 3 the project. Each field is a tag, a length and the text.
    """
    run_id = file.stem.removeprefix("run-").encode()
    with file.open("rb") as stream:
        start = stream.read(_MAX_DESCRIPTION_BYTES)
    id_field = b"\x0a" + bytes([len(run_id)]) + run_id
    for match in re.finditer(re.escape(id_field), start):
        names: dict[int, str] = {}
        position = match.end()
        # The tags of the fields 2 and 3 with a text.
        while start[position : position + 1] in (
            b"\x12",
            b"\x1a",
        ) and position + 1 < len(start):
            end = position + 2 + start[position + 1]
            field_number = start[position] >> 3
            names[field_number] = start[position + 2 : end].decode(
                errors="replace"
            )
            position = end
        if _PROJECT_FIELD in names:
            return names
    return {}


def has_pending_uploads(store: Store, points: Iterable[Point]) -> bool:
    """Return True if any of these points has a run that is not uploaded."""
    snapshot = store.snapshot(POINTS)
    for point in points:
        folder = f"{POINTS}/{point.id}/{WANDB_FOLDER}"
        for run in snapshot.list_folders(folder):
            if "run-" not in run:
                continue
            files = snapshot.list_files(f"{folder}/{run}")
            for name in files:
                if name.endswith(".wandb") and name + SYNCED not in files:
                    return True
    return False
