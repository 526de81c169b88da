"""The end of a point's attempt: its error in one line, and its record."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import traceback
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gensweep.core.errors import LostClaimError, StoreError, UserError
from gensweep.ledger.point_files import ERROR
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.plugins.loader import find_user_line
from gensweep.system.environment import get_hardware, get_versions
from gensweep.system.signals import raise_if_stopped
from gensweep.train.divergence import DivergedError
from gensweep.trial.attempt import Attempt
from gensweep.trial.device import describe_device
from gensweep.trial.point_folder import PointFolder
from gensweep.trial.reports import (
    ReportFunction,
    build_outcome_report,
    build_unrecorded_report,
)

log = logging.getLogger(__name__)
MAX_MESSAGE = 1_000
"""Characters of an error's message that a record has: it may show a complete tensor."""
MAX_OUTPUT = 20_000
"""Characters of a failed program's output that `error.txt` has, from its end."""


@contextlib.contextmanager
def record_failure_of(*attempts: Attempt) -> Generator[None]:
    """Set an error within as the outcome of these attempts, unless the user has to fix it.

    Raises:
        UserError: the user has to fix it.
        Stopped: a signal came. Any other error at that time is what a library made of the signal,
            and no fault of a point's.
    """
    try:
        yield
        raise_if_stopped()
    except UserError:
        raise
    except Exception as error:
        raise_if_stopped()
        for attempt in attempts:
            if attempt.outcome is None:
                attempt.outcome = _classify_error(error, attempt)


def _classify_error(error: Exception, attempt: Attempt) -> dict[str, Any]:
    """Return the outcome of an attempt that raised an error."""
    if isinstance(error, LostClaimError):
        return {"status": Status.CLAIMED, "error": str(error)}
    if isinstance(error, StoreError):
        # The point is not to blame, and goes on from its last checkpoint.
        return {"status": Status.STORE_UNAVAILABLE, "error": error}
    if isinstance(error, DivergedError):
        return {"status": Status.DIVERGED, "error": str(error)}
    log.debug("%s failed", attempt.point.id, exc_info=error)
    if attempt.folder:
        _write_traceback(attempt.folder, error)
    message = _summarize_error(error)
    if isinstance(error, torch.OutOfMemoryError) and attempt.pack["size"] > 1:
        message += "; fewer lanes need less: --pack"
    return {"status": Status.FAILED, "error": message}


def end_attempt(
    attempt: Attempt,
    outcome: dict[str, Any],
    device: torch.device,
    report: ReportFunction,
) -> None:
    """Record how a lane ended, release its point, and report."""
    try:
        with attempt.exit_stack:
            record = _write_record(attempt, outcome, device)
    except (LostClaimError, OSError) as error:
        report(build_unrecorded_report(attempt.point, error))
        return
    last_line = attempt.history[-1] if attempt.history else {}
    warning = ""
    if attempt.tracker.trouble:
        warning = f"W&B: {attempt.tracker.trouble}"
    report(build_outcome_report(record, last_line, warning))


def _write_record(
    attempt: Attempt, outcome: dict[str, Any], device: torch.device
) -> Record:
    """Write the record of a lane, and end its tracking.

    Raises:
        LostClaimError: a later attempt owns the point.
        OSError: the results root refuses.
    """
    if outcome["status"] == Status.CLAIMED:
        raise LostClaimError(outcome["error"])
    if outcome["status"] == Status.STORE_UNAVAILABLE:
        raise outcome["error"]
    if outcome["status"] == Status.DIVERGED:
        attempt.write_history()
    point = attempt.point
    record = Record(
        id=point.id,
        model=point.model,
        params=point.params,
        seed=point.seed,
        seconds=round(attempt.seconds, 3),
        epochs=attempt.epoch,
        versions=get_versions(),
        hardware=get_hardware()
        | describe_device(device)
        | attempt.hardware_use,
        pack=attempt.pack,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        code=attempt.code,
        origin=attempt.origin,
        **outcome,
    )
    attempt.tracker.close(record, attempt.history)
    raise_if_stopped()
    if attempt.folder:
        attempt.folder.ledger.finish(
            attempt.folder.claim, record, attempt.keep
        )
    return record


def _write_traceback(folder: PointFolder, error: Exception) -> None:
    try:
        text = "".join(traceback.format_exception(error))
        folder.write(ERROR, text + _format_output(error))
    except (OSError, LostClaimError) as write_error:
        log.warning(
            "cannot write the traceback of %s: %s",
            folder.point_id,
            write_error,
        )


def _describe_failed_program(error: subprocess.CalledProcessError) -> str:
    """Return how a program of the user's ended, and the last line that it printed."""
    words = error.cmd
    if not isinstance(words, (str, bytes)):
        words = " ".join(str(word) for word in words)
    end = f"exit status {error.returncode}"
    if error.returncode < 0:
        end = f"signal {-error.returncode}"
    message = f"{_decode(words)!s:.200} ended with {end}"
    output = _decode(error.stderr) or _decode(error.output)
    lines = output.strip().splitlines()
    if lines:
        message += f": {lines[-1]:.200}"
    return message


def _format_output(error: BaseException) -> str:
    """Return what a program printed that a task called; nothing for any other error."""
    if not isinstance(error, subprocess.CalledProcessError):
        return ""
    text = ""
    for name, output in (("stdout", error.output), ("stderr", error.stderr)):
        decoded = _decode(output)
        if decoded:
            text += f"\n--- {name} of the program\n{decoded[-MAX_OUTPUT:]}"
    return text


def _decode(text: Any) -> str:
    if isinstance(text, bytes):
        return text.decode(errors="replace")
    return text or ""


def _get_message(error: BaseException) -> str:
    """Return the message of an error in one line; a user's class may fail to make one."""
    try:
        text = str(error)
    except Exception as inner:
        return f"its message raises {type(inner).__name__}"
    message = " ".join(text[:MAX_MESSAGE].split()) or "no message"
    if len(text) > MAX_MESSAGE:
        message += f" ... (of {len(text):,} characters; all are in {ERROR})"
    return message


def _summarize_error(error: BaseException) -> str:
    """Return an exception as one line: its type, its message, and its line in this project."""
    message = _get_message(error)
    if isinstance(error, subprocess.CalledProcessError):
        message = _describe_failed_program(error)
    line = getattr(error, "position", "") or find_user_line(error)
    if line:
        return f"{type(error).__name__}: {message} ({line})"
    frames = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in frames if "gensweep" in frame.filename]
    if not frames:
        return f"{type(error).__name__}: {message}"
    file = Path(frames[-1].filename).name
    return f"{type(error).__name__}: {message} ({file}:{frames[-1].lineno})"
