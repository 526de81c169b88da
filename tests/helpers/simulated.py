"""Runs of the command line whose trials end in a blink, in any order, with records of made-up values."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runs import command_line
from searches import judge_by_id, make_record, score

from gensweep.core.errors import ClaimedError, LostClaimError
from gensweep.execute import driver, train_missing
from gensweep.execute.limits import Limits
from gensweep.execute.resources import Resources
from gensweep.execute.trial_setup import TrialErrors
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Pack, Point
from gensweep.system.signals import raise_if_stopped
from gensweep.trial.reports import (
    ReportFunction,
    build_outcome_report,
    build_unrecorded_report,
)

MAX_SECONDS = 0.05
"""A simulated training takes at most this long."""


class SimulatedExecutor:
    """An executor in the place of Ray: several workers, whose trainings end in a random order.

    Args:
        workers: trainings at once.
        order: seed of the order in which they end.
        log: gets a line for each record that is written.
        code: the code that records name.
    """

    def __init__(
        self, workers: int, order: int, log: Path, code: dict[str, Any] | None = None
    ) -> None:
        self._workers, self._log, self.code = workers, log, code
        self._random = random.Random(order)

    @contextlib.contextmanager
    def open_executor(self, resources: Resources) -> Generator[None]:
        """There is nothing to start."""
        yield

    def execute(
        self,
        packs: Sequence[Pack],
        root: str | Path,
        resources: Resources,
        report: ReportFunction,
        limits: Limits,
    ) -> TrialErrors:
        """Write the records of all packs; no worker dies."""
        ledger, waiting = Ledger(Store(Path(root))), list(packs)
        running: list[Pack] = []
        while waiting or running:
            raise_if_stopped()
            running += waiting[: self._workers - len(running)]
            waiting = [pack for pack in waiting if pack not in running]
            pack = running.pop(self._random.randrange(len(running)))
            for point in pack.points:
                report(self._train(ledger, point))
        return TrialErrors()

    def _train(self, ledger: Ledger, point: Point) -> dict[str, Any]:
        status = judge_by_id(point)
        error = None if status == Status.OK else "simulated"
        record = replace(
            make_record(point, status, score(point)),
            epochs=point.last_epoch,
            error=error,
            code=self.code,
        )
        path = f"points/{point.id}/record.json"
        try:
            with ledger.claim(point.id, Process.get_current()) as claim:
                time.sleep(self._random.random() * MAX_SECONDS)
                if not ledger.store.exists(path):
                    ledger.finish(claim, record)
                    with self._log.open("a") as log:
                        log.write(f"{point.id}\n")
        except (ClaimedError, LostClaimError) as error:
            return build_unrecorded_report(point, error)
        return build_outcome_report(record, {})


def simulated_command_line(arguments: list[str], folder: Path, workers: int, order: int) -> None:
    """Be the command line with simulated trainings, and without tables and page.

    Args:
        arguments: as typed.
        folder: gets ``output``, and ``trained`` with the points that it has trained.
        workers: trainings at once.
        order: seed of the order in which they end.
    """
    os.environ["GENSWEEP_CACHE"] = str(folder.parent / "cache")
    executor = SimulatedExecutor(workers, order, folder / "trained")
    train_missing._load_executor = lambda local: executor  # type: ignore[assignment,return-value]
    driver._collect = lambda *arguments: "no page"
    command_line(arguments, folder)
