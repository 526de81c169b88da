"""The beginning of an attempt: the claim, and what the point already has."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from functools import lru_cache, partial
from pathlib import Path

from gensweep.core.errors import ClaimedError
from gensweep.ledger import claims
from gensweep.ledger.claims import Claim
from gensweep.ledger.ledger import REPLACED, Ledger
from gensweep.ledger.obstacles import check_point_names
from gensweep.ledger.open_store import open_store
from gensweep.ledger.point_files import POINTS, RECORD
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.code_fingerprint import SAME, compare
from gensweep.sweep.point import Point
from gensweep.system import processes
from gensweep.tracking.settings import WANDB_FOLDER
from gensweep.tracking.tracker import Tracker
from gensweep.trial.attempt import Attempt
from gensweep.trial.config import TrialConfig
from gensweep.trial.history import read_history
from gensweep.trial.point_folder import PointFolder
from gensweep.trial.reports import (
    ReportFunction,
    build_epoch_report,
    build_outcome_report,
    build_unrecorded_report,
)

log = logging.getLogger(__name__)
_CLOUD_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")
"""Beginnings of the names of variables that the clients of buckets read."""


def begin_attempt(
    point: Point,
    config: TrialConfig,
    report: ReportFunction,
    pack_stack: contextlib.ExitStack,
) -> Attempt | None:
    """Claim a point and open its tracker.

    Args:
        point: the point.
        config: the trial's settings.
        report: receives the outcome if there is nothing to do.
        pack_stack: closes the attempt if an error stops the complete pack.

    Returns:
        The attempt; None if there is nothing to do.
    """
    folder = None
    # The attempt closes this stack when it ends, or the pack's stack does.
    exit_stack = pack_stack.enter_context(contextlib.ExitStack())
    try:
        if config.results is not None:
            ledger = Ledger(open_root(config.results))
            exit_stack.callback(ledger.store.discard, f"{POINTS}/{point.id}")
            if not ledger.store.is_remote:
                check_point_names(ledger.folder(point.id))
            claim = _claim(ledger, point, config, exit_stack)
            # Somebody may have finished the point before it was claimed.
            record = ledger.read(
                {point.id: point.expected_record}
            ).records.get(point.id)
            if record is not None and not config.replaces(record):
                history = []
                if config.repeats_history:
                    _warn_of_other_code(record)
                    history = read_history(ledger, point)
                exit_stack.close()
                _report_finished(point, record, history, report)
                return None
            path = ledger.store.download(f"{POINTS}/{point.id}")
            is_done = record is not None and record.status != Status.FAILED
            is_withdrawn = (path / f"{RECORD}{REPLACED}").exists()
            folder = PointFolder(
                ledger,
                claim,
                point.id,
                has_old_record=record is not None,
                is_retraining=is_done or is_withdrawn,
            )
    except (ClaimedError, OSError) as error:
        exit_stack.close()
        report(build_unrecorded_report(point, error))
        return None
    if folder is None:
        tracker = Tracker(point, config.tracking)
    else:
        upload = partial(folder.upload, WANDB_FOLDER)
        tracker = Tracker(point, config.tracking, folder.path, upload)
    exit_stack.enter_context(tracker)
    return Attempt(
        point, folder, tracker, exit_stack, config.get_keep(point.id)
    )


def _warn_of_other_code(record: Record) -> None:
    """Say that a result is not one of today's code: a user's own Tuner has no plan that says it."""
    origin = compare(record.code, record.model, record.params["dataset"])
    if origin == SAME:
        return
    log.warning(
        "%s was trained by %s code, and is reported as it was; retrain_changed=True in the trial's "
        "config trains it again",
        record.id,
        origin,
    )


def _report_finished(
    point: Point,
    record: Record,
    history: list[dict[str, float]],
    report: ReportFunction,
) -> None:
    """Report the epochs and the outcome of a point that was trained before."""
    for line in history:
        report(build_epoch_report(point, line))
    last_line = history[-1] if history else {}
    report(build_outcome_report(record, last_line))


def _claim(
    ledger: Ledger,
    point: Point,
    config: TrialConfig,
    exit_stack: contextlib.ExitStack,
) -> Claim:
    """Claim a point until the stack is closed.

    Raises:
        ClaimedError: somebody else trains the point.
    """
    # A trial of a user's own Tuner has no driver that knows its earlier attempts. One that Tune
    # paused on another host may have ended without releasing its claim, so such a trial waits
    # until that claim would have expired.
    end = (
        time.monotonic()
        + processes.DEAD_AFTER_SECONDS
        + claims.HEARTBEAT_SECONDS
    )
    while True:
        try:
            return exit_stack.enter_context(
                ledger.claim(point.id, config.driver)
            )
        except ClaimedError:
            holder = claims.read_holder(ledger.store, f"{POINTS}/{point.id}")
            is_remote = holder is None or not holder.worker.is_local()
            if (
                not config.repeats_history
                or not is_remote
                or time.monotonic() > end
            ):
                raise
        time.sleep(ledger.store.poll_seconds)


# --- the results root


def open_root(root: str | Path) -> Store:
    """Return the results root; a connection to a remote one is reused by this worker."""
    if "://" in str(root):
        return _connect(str(root), _list_cloud_settings())
    return open_store(root)


@lru_cache(maxsize=1)
def _connect(root: str, settings: tuple[tuple[str, str], ...]) -> Store:
    return open_store(root, persistent=False)


def _list_cloud_settings() -> tuple[tuple[str, str], ...]:
    """Return the variables that say where a bucket is and who asks.

    A connection holds on to them: new credentials in a process need a new one.
    """
    return tuple(
        (name, value)
        for name, value in sorted(os.environ.items())
        if name.startswith(_CLOUD_PREFIXES)
    )
