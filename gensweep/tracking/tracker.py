"""Log every point as a W&B run, inside its trial; a failure never makes the point fail.

Each attempt writes the point's complete run, from the first epoch, under the id in the point's
folder. An upload with the same id then overwrites line by line, so it is safe to repeat: nothing
depends on how far earlier attempts or uploads came. (With W&B's `resume`, a second upload would
append every line again.)
"""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from gensweep.ledger.ledger import SYNCED
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Point
from gensweep.system.environment import get_commit
from gensweep.tracking import wandb_run
from gensweep.tracking.run_content import collect_media, describe_run
from gensweep.tracking.settings import (
    DISABLED,
    MODES,
    OFFLINE,
    ONLINE,
    WANDB_FOLDER,
    Tracking,
)

log = logging.getLogger(__name__)
CLOSE_SECONDS = wandb_run.INIT_SECONDS + wandb_run.FINISH_SECONDS + 15.0
"""The time that a finished point waits for W&B."""
SHUTDOWN_SECONDS = 2.0
"""The time that a point waits that is stopped, or was lost to another attempt."""
_ATTEMPT_MODES = {
    ONLINE: [ONLINE, OFFLINE, OFFLINE],
    OFFLINE: [OFFLINE, OFFLINE],
    DISABLED: [],
}
"""The modes to try one after the other, by the requested mode."""
_Update = tuple[list[dict[str, float]], Record | None]
"""A point's history so far, and its record at the end."""


class _ProcessState:
    """The knowledge about W&B that all trackers of this process share."""

    best_mode = ONLINE
    """The best mode that may still work."""
    closed_services = 0
    """Number of helper processes of W&B that were ended; each served all lanes of a pack."""
    lock = threading.Lock()


class Tracker:
    """Writes one point's run in a thread of its own during the training; a context manager.

    Whatever W&B does, the point goes on. A run that fails online is written once more offline,
    from the first epoch. A run that fails offline is written once more with a new helper process.
    After that, nothing is logged.

    Args:
        point: the point.
        tracking: the settings.
        folder: the point's folder; None: nothing is logged.
        upload: called when W&B's files in the folder are complete and should be stored, with the
            names of run folders that were removed.

    Attributes:
        trouble: a message about a failure, without the point's name; None if there was none.
    """

    def __init__(
        self,
        point: Point,
        tracking: Tracking,
        folder: Path | None = None,
        upload: Callable[[Sequence[str]], None] = lambda gone: None,
    ) -> None:
        self.trouble: str | None = None
        self._point = point
        self._folder = folder
        self._tracking = tracking
        self._upload = upload
        mode = DISABLED
        if folder is not None:
            # MODES are ordered from the best to the worst.
            mode = max(
                tracking.mode, _ProcessState.best_mode, key=MODES.index
            )
        self._modes = list(_ATTEMPT_MODES[mode])
        self._history: list[dict[str, float]] = []
        self._record: Record | None = None
        self._run: Any = None
        self._earlier_runs: list[Path] = []
        self._logged_lines = 0
        self._is_stopping = False
        self._service = _ProcessState.closed_services
        self._updates: queue.SimpleQueue[_Update | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._process_updates, daemon=True, name="gensweep-wandb"
        )

    def __enter__(self) -> Tracker:
        if self._modes:
            self._thread.start()
            self._updates.put(([], None))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_stopping = True
        self._updates.put(None)
        if self._thread.is_alive() and _ProcessState.best_mode != DISABLED:
            self._thread.join(SHUTDOWN_SECONDS)

    def log(self, history: Sequence[dict[str, float]]) -> None:
        """Write the new lines of the history; return at once."""
        # Without a thread that takes the updates, they would pile up.
        if self._modes:
            self._updates.put((list(history), None))

    def close(
        self, record: Record, history: Sequence[dict[str, float]]
    ) -> None:
        """Write the outcome and finish the run; wait for W&B, but not forever."""
        if not self._thread.is_alive():
            return
        self._updates.put((list(history), record))
        self._updates.put(None)
        # If W&B is already given up, another lane has waited for it.
        seconds = (
            0.0 if _ProcessState.best_mode == DISABLED else CLOSE_SECONDS
        )
        self._thread.join(seconds)
        if self._thread.is_alive():
            _ProcessState.best_mode = DISABLED
            self.trouble = (
                f"no answer for {CLOSE_SECONDS:.0f} s; "
                "this worker does not log any further runs"
            )
            # Otherwise W&B would delay the end of this process.
            threading.Thread(
                target=wandb_run.close_service, daemon=True
            ).start()

    def _process_updates(self) -> None:
        """Run in the thread: take updates until the last one, and log each of them."""
        while (update := self._updates.get()) is not None:
            self._history, self._record = update
            while self._modes and not self._is_stopping:
                try:
                    self._catch_up()
                    break
                # Broad: whatever W&B raises, the point must not fail.
                except (Exception, SystemExit) as error:
                    self._fall_back(error)
        # Another attempt took the point over and writes its complete run.
        if self._modes and self._run is not None:
            try:
                self._run.finish(exit_code=1)
            except (Exception, SystemExit):
                log.debug(
                    "the run of %s was left open",
                    self._point.id,
                    exc_info=True,
                )

    def _fall_back(self, error: BaseException) -> None:
        """Start the run again in the next mode, or in the same one if another lane failed."""
        self._run = None
        self._logged_lines = 0
        with _ProcessState.lock:
            # Another lane has ended the helper process of all lanes: this run did not fail.
            if self._service != _ProcessState.closed_services:
                return
            _ProcessState.closed_services += 1
            wandb_run.close_service()
        reason = self._summarize(error)
        failed_mode = self._modes.pop(0)
        if failed_mode == ONLINE:
            _ProcessState.best_mode = OFFLINE
            self.trouble = f"{reason}; logged offline instead"
        elif not self._modes:
            self.trouble = f"{reason}; not logged"

    def _summarize(self, error: BaseException) -> str:
        """Return an error in one line; equal errors of different points give the same line."""
        message = str(error)
        if isinstance(error, OSError) and error.strerror:
            message = error.strerror
        lines = message.replace(str(self._folder), "POINT").splitlines()
        first_line = lines[0].strip(" .") if lines else ""
        return first_line or type(error).__name__

    def _catch_up(self) -> None:
        """Log all of the history and the record that the run does not have yet."""
        assert self._folder is not None
        folder = self._folder
        if self._run is None:
            self._open_run(folder)
        for line in self._history[self._logged_lines :]:
            epoch = int(line["epoch"])
            values: dict[str, Any] = line | {"epoch": epoch}
            sheet = folder / "samples" / f"epoch-{epoch:04d}.png"
            if sheet.exists():
                values["samples"] = wandb_run.make_image(sheet)
            # The last epoch is sent together with the test metrics.
            is_last = epoch >= self._point.last_epoch
            self._run.log(values, step=epoch, commit=not is_last)
            self._logged_lines += 1
        if self._record:
            self._finish_run(folder, self._record)

    def _open_run(self, folder: Path) -> None:
        self._service = _ProcessState.closed_services
        self._earlier_runs = list((folder / WANDB_FOLDER).glob("*run-*"))
        about = describe_run(
            self._point, self._tracking, folder, self._modes[0]
        )
        # Store the run's id before W&B's server learns it.
        self._upload(())
        self._run = wandb_run.open_run(folder, about, get_commit())

    def _finish_run(self, folder: Path, record: Record) -> None:
        is_ok = record.status == Status.OK
        if is_ok:
            # Tables of earlier attempts.
            shutil.rmtree(
                folder / WANDB_FOLDER / "artifacts", ignore_errors=True
            )
            with wandb_run.stage_tables(folder / WANDB_FOLDER):
                values = dict(record.metrics) | collect_media(folder)
                if 0 < record.epochs < self._point.last_epoch:
                    # A task ended early: W&B takes no more values for an epoch that is sent.
                    self._run.summary.update(values)
                else:
                    self._run.log(values, step=record.epochs, commit=True)
        outcome: dict[str, Any] = {
            # W&B writes the name of an enumeration's member, not its value.
            "status": record.status.value,
            "seconds": record.seconds,
            "epochs": record.epochs,
        }
        if record.error:
            outcome["error"] = record.error
        self._run.summary.update(outcome)
        file = Path(self._run.settings.sync_file)
        self._run.finish(exit_code=0 if is_ok else 1)
        if not wandb_run.wait_until_complete(file):
            raise OSError("its file was cut short (is the disk full?)")
        if self._modes[0] == ONLINE:
            error = wandb_run.find_upload_error(file)
            if error:
                reason = error.replace(self._point.id, "POINT")
                self.trouble = f"not everything was uploaded ({reason})"
            else:
                file.with_name(file.name + SYNCED).touch()
        # Runs of earlier attempts contain nothing that this one lacks.
        for earlier in self._earlier_runs:
            shutil.rmtree(earlier, ignore_errors=True)
        self._upload([earlier.name for earlier in self._earlier_runs])
        self._modes.clear()
