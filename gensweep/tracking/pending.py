"""What the points of a sweep have for W&B, by the files in their folders: what is there, and what is to be uploaded."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gensweep.ledger.claims import CLAIM, find_live
from gensweep.ledger.ledger import POINTS, SYNCED
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.stores import Store
from gensweep.report.results import read_sweep_file
from gensweep.system.text import pluralize

WANDB = "wandb"
"""A point's folder of W&B files."""
HEADER = 7
"""Bytes at the beginning of every `.wandb` file: one that holds no more was never written to."""
_STARTED = re.compile(r"run-(\d{8}_\d{6})-")


@dataclass(frozen=True)
class PendingRun:
    """A point's run that is not there yet: its files in the order of their attempts, and where it goes.

    Attributes:
        store: the root in which the files lie, or the one that they are copies of.
    """

    point: str
    files: tuple[Path, ...]
    entity: str
    project: str
    store: Store

    def keep(self) -> None:
        """Keep the marks that were put beside its files; what others have written since is left alone."""
        for file in self.files:
            mark = file.with_name(file.name + SYNCED)
            if mark.exists():
                self.store.write(mark.relative_to(self.store.root).as_posix(), b"")


@dataclass
class PendingUploads:
    """What the points of some sweeps have for W&B."""

    waiting: list[PendingRun] = field(default_factory=list)
    there: int = 0
    training: int = 0
    empty: int = 0
    never: int = 0

    def describe(self, host: str | None = None) -> str:
        """All of it in one line."""
        targets = {
            "/".join(filter(None, (one.entity, one.project))): None
            for one in self.waiting
            if one.project
        }
        to = f" to {' and '.join(targets)}" if targets else ""
        to += f" at {host}" if host else ""
        said = (
            f"{pluralize(len(self.waiting), 'run')} to upload{to}"
            if self.waiting
            else "Nothing to upload"
        )
        said += f", {self.there} there already" if self.there or self.waiting else ""
        said += f", {self.training} in training and left for the next time" if self.training else ""
        said += f", {self.empty} killed before anything was written" if self.empty else ""
        return said + (
            f", {self.never} without a W&B run (not trained yet, or with --wandb disabled)."
            if self.never
            else "."
        )


def find_pending(folders: Sequence[str], project: str | None, entity: str | None) -> PendingUploads:
    """Look for what is to be uploaded, in the files alone; arguments and errors as in `gensweep.tracking.sync.sync`."""
    found, points = PendingUploads(), dict[str, tuple[Store, Store]]()
    for folder in folders:
        store, name = open_folder(folder)
        cells = read_sweep_file(store, name).cells
        there = store.snapshot(POINTS)
        points |= {
            f"{POINTS}/{point}": (store, there) for cell in cells for point in cell.points.values()
        }
    live = find_live(
        [
            (store, name)
            for name, (store, there) in points.items()
            if there.exists(f"{name}/{CLAIM}")
        ]
    )
    for name, (store, there) in points.items():
        point = there.download(f"{name}/{WANDB}").parent
        files = sorted(point.glob("wandb/*run-*/run-*.wandb"), key=_started)
        marked = [file.with_name(file.name + SYNCED).exists() for file in files]
        new = files[len(files) - marked[::-1].index(True) :] if any(marked) else files
        if name in live:
            found.training += 1
        elif not files:
            found.never += 1
        elif written := [file for file in new if file.stat().st_size > HEADER]:
            logged = _logged_to(written[-1])
            own = logged and (logged[0] or os.environ.get("WANDB_ENTITY"))
            to = (entity or own or "", project or (logged or ("", ""))[1])
            found.waiting.append(PendingRun(point.name, tuple(written), *to, store))
        elif any(marked):
            found.there += 1
        else:
            found.empty += 1
    return found


def _started(file: Path) -> tuple[str, str]:
    """When the attempt began that wrote a file, by the name of its folder."""
    time = _STARTED.search(file.parent.name)
    return time[1] if time else "", file.parent.name


def _logged_to(file: Path) -> tuple[str, str] | None:
    """Entity, or nothing, and project that a `.wandb` file names, where it does.

    One of its first records describes the run, as a protobuf: field 1 is the run's id, 2 the entity, 3 the project,
    each as a tag, a length and the text.
    """
    run = file.stem.removeprefix("run-").encode()
    with file.open("rb") as opened:
        start = opened.read(4096)
    for found in re.finditer(re.escape(b"\x0a" + bytes([len(run)]) + run), start):
        names, at = {}, found.end()
        while start[at : at + 1] in (b"\x12", b"\x1a") and at + 1 < len(start):
            end = at + 2 + start[at + 1]
            names[start[at] >> 3] = start[at + 2 : end].decode(errors="replace")
            at = end
        if 3 in names:
            return names.get(2, ""), names[3]
    return None
