"""Weights & Biases: every point a run, written inside its trial, and never a reason for a point to fail.

Each attempt writes the point's run whole, from the first epoch, under the id that the point's folder keeps. An upload
of the same id then overwrites line by line, which makes it safe to repeat: nothing has to be known of what earlier
attempts, or earlier uploads, got through. (With W&B's `resume` a second upload appends every line once more.)
"""

from __future__ import annotations

import contextlib
import csv
import logging
import os
import queue
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from gensweep.core.errors import UserError, describe_unknown
from gensweep.ledger.ledger import POINTS, SYNCED
from gensweep.ledger.records import OK, Record
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Point
from gensweep.system.environment import get_commit, get_hardware, get_versions
from gensweep.system.storage import write_atomic
from gensweep.tracking import wandb_run

log = logging.getLogger(__name__)
MODES = (ONLINE, OFFLINE, DISABLED) = ("online", "offline", "disabled")
PROJECT = "gensweep"
WANDB_FOLDER, ID = "wandb", "id"
"""A point's folder of W&B files, and the file in it that holds the run's id."""
MAX_TABLE_ROWS = 100
"""Wrong answers in a run's table."""
FINISH_SECONDS = wandb_run.INIT + wandb_run.FINISH + 15.0
"""Seconds that a point waits for W&B at its end."""
SHUTDOWN_SECONDS = 2.0
"""Seconds for a point that is stopped, or was lost to another attempt."""
_NOT_IN_NAMES = r"/ \ # ? % :"
_PROJECT = re.compile(r"[^/\\#?%:]{1,128}")
_SPELLINGS = {"run": ONLINE, "dryrun": OFFLINE} | {mode: mode for mode in MODES}


@dataclass(frozen=True)
class Tracking:
    """What W&B is told, and where.

    Attributes:
        mode: `online`, `offline` (kept in the point's folder until `sync` uploads it) or `disabled`.
        project: W&B's project.
        entity: W&B's user or team; None: the one that is logged in.
        sweep: the sweep that trains the point.

    Raises:
        UserError: the mode is none of the three, or the project's name is none.
    """

    mode: str = DISABLED
    project: str = PROJECT
    entity: str | None = None
    sweep: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(f"W&B has no mode {self.mode!r}; it has {', '.join(MODES)}")
        if not self.project.strip() or not _PROJECT.fullmatch(self.project):
            raise UserError(
                f"W&B takes no project {self.project!r}: at most 128 characters, and none of {_NOT_IN_NAMES}"
            )

    @staticmethod
    def from_config(values: dict[str, Any]) -> Tracking:
        """From a trial's config.

        Raises:
            UserError: a value or a name is wrong.
        """
        names = [field.name for field in fields(Tracking)]
        for name in values:
            if name not in names:
                raise UserError(
                    describe_unknown("tracking setting", name, names, "the trial's config")
                )
        return Tracking(**values)

    @staticmethod
    def from_cli(mode: str | None, project: str | None, entity: str | None, sweep: str) -> Tracking:
        """What the command line asks for; what it leaves open is W&B's environment's to say.

        Raises:
            UserError: WANDB_MODE is none of the modes.
        """
        mode = (
            mode or os.environ.get("WANDB_MODE") or (DISABLED if is_wandb_disabled() else OFFLINE)
        )
        if mode not in _SPELLINGS:
            raise UserError(f"WANDB_MODE={mode}: not one of {', '.join(MODES)}")
        project = project or os.environ.get("WANDB_PROJECT") or PROJECT
        return Tracking(
            _SPELLINGS[mode], project, entity or os.environ.get("WANDB_ENTITY") or None, sweep
        )


def is_wandb_disabled() -> bool:
    """Whether `WANDB_DISABLED`, W&B's older switch, says that nothing is to be logged."""
    return os.environ.get("WANDB_DISABLED", "").strip().lower() in (
        "true",
        "1",
        "yes",
        "on",
        "t",
        "y",
    )


class _Process:
    """What this process has learnt of W&B: the best mode that still makes sense to try."""

    best = ONLINE
    services = 0
    """Helpers of W&B's that were ended, and with each the runs of every lane of a pack."""
    lock = threading.Lock()


class Tracker:
    """Writes one point's run, beside the training, in a thread of its own; a context manager.

    Whatever W&B does, the point goes on. What fails online is written once more offline, from the first
    epoch; what fails offline, once more by a new helper process; then it is given up.

    Args:
        point: the point.
        tracking: where to.
        folder: the point's; None: nothing is logged.
        keep: called when what W&B wrote in the folder is to be kept, with the runs that are not any more.

    Attributes:
        trouble: what went wrong, for people, without the point's name.
    """

    def __init__(
        self,
        point: Point,
        tracking: Tracking,
        folder: Path | None = None,
        keep: Callable[[Sequence[str]], None] = lambda gone: None,
    ) -> None:
        self.trouble: str | None = None
        self._point, self._folder, self._tracking, self._keep = point, folder, tracking, keep
        mode = DISABLED if folder is None else max(tracking.mode, _Process.best, key=MODES.index)
        self._ways = {
            ONLINE: [ONLINE, OFFLINE, OFFLINE],
            OFFLINE: [OFFLINE, OFFLINE],
            DISABLED: [],
        }[mode]
        self._history: list[dict[str, float]] = []
        self._record: Record | None = None
        self._run: Any = None
        self._earlier: list[Path] = []
        self._logged = 0
        self._is_left = False
        self._service = _Process.services
        self._news: queue.SimpleQueue[tuple[list[dict[str, float]], Record | None] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._work, daemon=True, name="gensweep-wandb")

    def __enter__(self) -> Tracker:
        if self._ways:
            self._thread.start()
            self._news.put(([], None))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_left = True
        self._news.put(None)
        if self._thread.is_alive() and _Process.best != DISABLED:
            self._thread.join(SHUTDOWN_SECONDS)

    def log(self, history: Sequence[dict[str, float]]) -> None:
        """Write the lines of the history that are not written yet; returns at once."""
        if self._ways:  # else nobody takes the news, and they would pile up
            self._news.put((list(history), None))

    def close(self, record: Record, history: Sequence[dict[str, float]]) -> None:
        """Write the outcome, and end the run; waits for W&B, but not for ever."""
        if not self._thread.is_alive():
            return
        self._news.put((list(history), record))
        self._news.put(None)
        self._thread.join(
            0.0 if _Process.best == DISABLED else FINISH_SECONDS
        )  # another lane has waited already
        if self._thread.is_alive():
            _Process.best = DISABLED
            self.trouble = (
                f"no answer for {FINISH_SECONDS:.0f} s; not logged any more by this worker"
            )
            threading.Thread(
                target=wandb_run.close_service, daemon=True
            ).start()  # else it would hold up our end

    def _work(self) -> None:
        while (news := self._news.get()) is not None:
            self._history, self._record = news
            while self._ways and not self._is_left:
                try:
                    self._catch_up()
                    break
                except (
                    Exception,
                    SystemExit,
                ) as error:  # whatever it is, the point must not fail of it
                    self._fall_back(error)
        if (
            self._ways and self._run is not None
        ):  # another attempt took the point, which writes it whole
            try:
                self._run.finish(exit_code=1)
            except (Exception, SystemExit):
                log.debug("the run of %s was left open", self._point.id, exc_info=True)

    def _fall_back(self, error: BaseException) -> None:
        """Take the next way, with nothing written yet; the same, if it was another lane's trouble."""
        self._run, self._logged = None, 0
        with _Process.lock:
            if self._service != _Process.services:
                return
            _Process.services += 1
            wandb_run.close_service()
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = (said.replace(str(self._folder), "POINT").splitlines() or [""])[0].strip(
            " ."
        ) or type(error).__name__
        if self._ways.pop(0) == ONLINE:
            _Process.best = OFFLINE
            self.trouble = f"{reason}; logged offline instead"
        elif not self._ways:
            self.trouble = f"{reason}; not logged"

    def _catch_up(self) -> None:
        """Make the run say all that is known of the point."""
        assert self._folder is not None
        folder = self._folder
        if self._run is None:
            self._service = _Process.services
            self._earlier = [*(folder / WANDB_FOLDER).glob("*run-*")]
            about = self._about(folder)
            self._keep(())  # its id, before anybody else knows it
            self._run = wandb_run.open_run(folder, about, get_commit())
        for line in self._history[self._logged :]:
            epoch = int(line["epoch"])
            sheet = folder / "samples" / f"epoch-{epoch:04d}.png"
            shown = {"samples": wandb_run.make_image(sheet)} if sheet.exists() else {}
            self._run.log(
                line | {"epoch": epoch} | shown,
                step=epoch,
                commit=epoch < self._point.params["epochs"],
            )
            self._logged += 1
        if self._record:
            self._finish(folder, self._record)

    def _about(self, folder: Path) -> dict[str, Any]:
        point, tracking = self._point, self._tracking
        names = {"model": point.model, "seed": point.seed, "point": point.id, "cell": point.cell}
        made = {
            "sweep": tracking.sweep,
            "commit": get_commit(),
            "versions": get_versions(),
            "hardware": get_hardware(),
        }
        tags = (point.model, point.data_config().get_title(), *filter(None, (tracking.sweep,)))
        return {
            "mode": self._ways[0],
            "id": _run_id(folder / WANDB_FOLDER, point.id),
            "name": point.id,
            "project": tracking.project,
            "entity": tracking.entity,
            "group": tracking.sweep,
            "job_type": point.model,
            "tags": [tag[:64] for tag in dict.fromkeys(tags)],  # W&B takes no longer ones
            "config": point.params | names | made,
        }

    def _finish(self, folder: Path, record: Record) -> None:
        if record.status == OK:
            shutil.rmtree(
                folder / WANDB_FOLDER / "artifacts", ignore_errors=True
            )  # tables of earlier attempts
            with wandb_run.stage_tables(folder / WANDB_FOLDER):
                self._run.log(
                    dict(record.metrics) | _media(folder), step=record.epochs, commit=True
                )
        outcome = {"status": record.status, "seconds": record.seconds, "epochs": record.epochs}
        self._run.summary.update(outcome | ({"error": record.error} if record.error else {}))
        file = Path(self._run.settings.sync_file)
        self._run.finish(exit_code=0 if record.status == OK else 1)
        if not wandb_run.wait_until_complete(file):
            raise OSError("its file was cut short (is the disk full?)")
        if self._ways[0] == ONLINE:
            if error := wandb_run.find_upload_error(file):
                self.trouble = f"not all was uploaded ({error.replace(self._point.id, 'POINT')})"
            else:
                file.with_name(file.name + SYNCED).touch()
        for other in self._earlier:  # attempts, which said no more than this one
            shutil.rmtree(other, ignore_errors=True)
        self._keep([other.name for other in self._earlier])
        self._ways.clear()


def has_pending_uploads(store: Store, points: Iterable[Point]) -> bool:
    """Whether any of these points has a run that is not uploaded."""
    store = store.snapshot(POINTS)
    folders = (f"{POINTS}/{point.id}/{WANDB_FOLDER}" for point in points)
    runs = (
        store.list_files(f"{folder}/{run}")
        for folder in folders
        for run in store.list_folders(folder)
        if "run-" in run
    )
    return any(
        name.endswith(".wandb") and name + SYNCED not in files for files in runs for name in files
    )


def _run_id(folder: Path, point_id: str) -> str:
    """The id that the point's folder keeps: the same for each attempt, another wherever the point is trained anew."""
    path = folder / ID
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, f"{point_id}-{secrets.token_hex(3)}")
    return path.read_text()


def _media(folder: Path) -> dict[str, Any]:
    """What the finished point left for people to look at."""
    files = {
        f"interpolation/{path.stem.partition('-')[2]}": path
        for path in sorted(folder.glob("interpolation-*.png"))
    }
    files["samples"] = folder / "samples.png"
    found: dict[str, Any] = {
        name: wandb_run.make_image(path) for name, path in files.items() if path.exists()
    }
    with (
        contextlib.suppress(FileNotFoundError),
        open(folder / "answers.csv", newline="", encoding="utf-8") as file,
    ):
        header, *rows = csv.reader(file)
        wrong = [row for row in rows if row[1] != row[2]]
        found["answers/wrong"] = wandb_run.make_table(wrong[:MAX_TABLE_ROWS], header)
    return found
