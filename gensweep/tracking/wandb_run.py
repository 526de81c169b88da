"""One W&B run in this process: opened, and finished whole. The only file of the run half that imports wandb."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import struct
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import wandb

log = logging.getLogger(__name__)
INIT, FINISH, REQUEST, WRITE = 15, 30, 10, 2
"""Seconds that a run may take to open, to upload at its end, for one request, and until its file is written."""
_ENVIRONMENT = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
"""No reports of its own errors, which hold up the end of a process without network; no lines among ours, no prompt."""
_NOT_OURS = ("WANDB_RESUME", "WANDB_RUN_ID", "WANDB_SERVICE", "WANDB_SWEEP_ID")
"""Variables that would give the run another id, another meaning, or another process's helper."""
_DATA_DIR = "WANDB_DATA_DIR"
_HARMLESS = "featurechecker:"
"""How an error begins of which nothing is lost."""
_lock = threading.Lock()


def open_run(folder: Path, about: dict[str, Any], commit: str | None) -> wandb.Run:
    """Open a run of its own beside any other of this process.

    Args:
        folder: where it makes `wandb/run-...` or `wandb/offline-run-...`.
        about: what `wandb.init` takes: mode (`online` or `offline`), id, name, project, entity, group, job_type,
            tags, config.
        commit: of the code, if known.

    Raises:
        Exception: whatever W&B raises: no login, no network, a dead helper process.
    """
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    for name, value in _ENVIRONMENT.items():
        os.environ[name] = value
    import wandb

    settings = wandb.Settings(
        console="off", disable_code=True, disable_git=True, finish_timeout=FINISH, finish_timeout_raises=True,
        git_commit=commit, init_timeout=INIT, silent=True, symlink=False, x_disable_machine_info=True,
        x_disable_meta=True, x_disable_stats=True, x_file_stream_timeout_seconds=REQUEST,
        x_file_transfer_timeout_seconds=REQUEST, x_graphql_timeout_seconds=REQUEST, x_save_requirements=False,
        x_transaction_log_flush_interval=1,
    )  # fmt: skip
    run = wandb.init(dir=folder, settings=settings, reinit="create_new", **about)
    for handler in logging.getLogger(
        "wandb"
    ).handlers:  # a full disk is told once, and not by its log
        handler.handleError = lambda record: None  # type: ignore[method-assign]
    return run


def close_service() -> None:
    """End W&B's helper process, stuck or dead as it may be; the next run starts another."""
    import wandb

    try:
        wandb.teardown()
    except (Exception, SystemExit):
        log.debug("W&B's helper process was dead", exc_info=True)


def make_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> wandb.Table:
    """A table to be logged, within `stage_tables`."""
    import wandb

    return wandb.Table(columns=list(columns), data=[list(row) for row in rows])


def make_image(path: Path) -> wandb.Image:
    """A PNG to be logged."""
    import wandb

    return wandb.Image(str(path))


@contextlib.contextmanager
def stage_tables(folder: Path) -> Generator[None]:
    """Keep tables that are logged meanwhile in this folder, not in the user's home, until they are uploaded."""
    with _lock:
        before = os.environ.get(_DATA_DIR)
        os.environ[_DATA_DIR] = str(folder)
        try:
            yield
        finally:
            os.environ.pop(_DATA_DIR)
            if before is not None:
                os.environ[_DATA_DIR] = before


def find_upload_error(file: Path) -> str | None:
    """What went wrong with the upload of an online run that was finished: `finish` raises nothing then.

    Args:
        file: its `.wandb` file, beside which W&B keeps a log of a JSON object a line.
    """
    try:
        lines = (
            (file.parent / "logs" / "debug-internal.log")
            .read_text(encoding="utf-8", errors="replace")
            .splitlines()
        )
        entries = [json.loads(line) for line in lines if '"ERROR' in line]
    except (OSError, ValueError):
        return "its log is not there, and so nobody knows"
    for entry in entries:
        if entry["level"].startswith("ERROR") and not entry["msg"].startswith(_HARMLESS):
            return f"HTTP {entry['status']}" if "status" in entry else entry["msg"]
    return None


def wait_until_complete(path: Path) -> bool:
    """Whether a finished run's file `is_complete`; it may take a moment more than the run's end."""
    deadline = time.monotonic() + WRITE
    while not (whole := is_complete(path)) and time.monotonic() < deadline:
        time.sleep(0.005)
    return whole


def is_complete(path: Path) -> bool:
    """Whether a finished run's `.wandb` file ends with the record of its exit: W&B drops what it cannot write.

    The file is a log of LevelDB's format after a header of 7 bytes: blocks of 32 KiB that hold chunks of a
    checksum, a length, a kind (1: whole record, 2, 3, 4: first, middle, last part) and the record, a protobuf.
    """
    from wandb.proto import wandb_internal_pb2 as format

    *_, last = [b"", *_records(path.read_bytes())]
    return format.Record.FromString(last).HasField("exit")  # ty: ignore[missing-attribute]  # made by protobuf


def _records(data: bytes) -> Iterator[bytes]:
    block, header = 32768, struct.Struct("<IHB")
    position, parts = 7, b""
    while position + header.size <= len(data):
        left = block - position % block
        _, length, kind = header.unpack_from(data, position) if left >= header.size else (0, 0, 0)
        if not kind:  # padding at a block's end
            position += left
            continue
        position += header.size
        if position + length > len(data):
            return
        parts = (b"" if kind in (1, 2) else parts) + data[position : position + length]
        position += length
        if kind in (1, 4):
            yield parts
