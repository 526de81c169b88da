"""One W&B run of this process: open it, and check that it was finished completely.

This is the only file that imports wandb in a trial.
"""

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
INIT_SECONDS = 15
"""Time limit for opening a run."""
FINISH_SECONDS = 30
"""Time limit for the upload at the end of a run."""
REQUEST_SECONDS = 10
"""Time limit for one request."""
WRITE_SECONDS = 2
"""Time until the file of a finished run is complete."""
HEADER_BYTES = 7
"""Size of the header of every `.wandb` file: a file of this size has no content."""
_ENVIRONMENT = {
    # Reports of W&B's own errors delay the end of a process without network.
    "WANDB_ERROR_REPORTING": "false",
    # No lines between ours, and no prompt.
    "WANDB_SILENT": "true",
}
_FOREIGN_VARIABLES = (
    "WANDB_RESUME",
    "WANDB_RUN_ID",
    "WANDB_SERVICE",
    "WANDB_SWEEP_ID",
)
"""Variables that would give the run another id or meaning, or another process's helper."""
_DATA_DIR = "WANDB_DATA_DIR"
_HARMLESS_ERROR_PREFIX = "featurechecker:"
_lock = threading.Lock()


def open_run(
    folder: Path, about: dict[str, Any], commit: str | None
) -> wandb.Run:
    """Open a run that is independent of all other runs of this process.

    Args:
        folder: the folder in which W&B creates `wandb/run-...` or `wandb/offline-run-...`.
        about: arguments of `wandb.init`: mode (`online` or `offline`), id, name, project,
            entity, group, job_type, tags, config.
        commit: the commit of the code, if known.

    Raises:
        Exception: any error of W&B: no login, no network, a dead helper process.
    """
    for name in _FOREIGN_VARIABLES:
        os.environ.pop(name, None)
    for name, value in _ENVIRONMENT.items():
        os.environ[name] = value
    # After the environment is set, which W&B reads.
    import wandb

    settings = wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
        git_commit=commit,
        init_timeout=INIT_SECONDS,
        silent=True,
        symlink=False,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_file_stream_timeout_seconds=REQUEST_SECONDS,
        x_file_transfer_timeout_seconds=REQUEST_SECONDS,
        x_graphql_timeout_seconds=REQUEST_SECONDS,
        x_save_requirements=False,
        x_transaction_log_flush_interval=1,
    )
    run = wandb.init(
        dir=folder, settings=settings, reinit="create_new", **about
    )
    # A full disk is reported once by the tracker; W&B's log must not print it as well.
    for handler in logging.getLogger("wandb").handlers:
        handler.handleError = lambda record: None  # type: ignore[method-assign]
    return run


def close_service() -> None:
    """End W&B's helper process, even if it is stuck or dead; the next run starts another."""
    import wandb

    try:
        wandb.teardown()
    except (Exception, SystemExit):
        log.debug("W&B's helper process was dead", exc_info=True)


def make_table(
    rows: Sequence[Sequence[str]], columns: Sequence[str]
) -> wandb.Table:
    """Return a table to log within `stage_tables`."""
    import wandb

    return wandb.Table(
        columns=list(columns), data=[list(row) for row in rows]
    )


def make_image(path: Path) -> wandb.Image:
    """Return a PNG to log."""
    import wandb

    return wandb.Image(str(path))


@contextlib.contextmanager
def stage_tables(folder: Path) -> Generator[None]:
    """Store tables in this folder until they are uploaded, not in the user's home."""
    with _lock:
        earlier = os.environ.get(_DATA_DIR)
        os.environ[_DATA_DIR] = str(folder)
        try:
            yield
        finally:
            os.environ.pop(_DATA_DIR)
            if earlier is not None:
                os.environ[_DATA_DIR] = earlier


def find_upload_error(file: Path) -> str | None:
    """Return the error of the upload of a finished online run; None if it succeeded.

    W&B's `finish` does not raise it. Next to the file, W&B writes a log with one JSON object a
    line.

    Args:
        file: the run's `.wandb` file.
    """
    path = file.parent / "logs" / "debug-internal.log"
    try:
        lines = path.read_text(
            encoding="utf-8", errors="replace"
        ).splitlines()
        entries = [json.loads(line) for line in lines if '"ERROR' in line]
    except (OSError, ValueError):
        return "the result is unknown, because its log is missing"
    for entry in entries:
        is_error = entry["level"].startswith("ERROR")
        if is_error and not entry["msg"].startswith(_HARMLESS_ERROR_PREFIX):
            return (
                f"HTTP {entry['status']}"
                if "status" in entry
                else entry["msg"]
            )
    return None


def wait_until_complete(path: Path) -> bool:
    """Wait until a finished run's file `is_complete`; return False if it does not become so."""
    # The helper process writes the last record shortly after the run has ended.
    deadline = time.monotonic() + WRITE_SECONDS
    while True:
        complete = is_complete(path)
        if complete or time.monotonic() >= deadline:
            return complete
        time.sleep(0.005)


def is_complete(path: Path) -> bool:
    """Return True if a finished run's `.wandb` file ends with the record of its exit.

    W&B silently drops what it cannot write.
    """
    from wandb.proto import wandb_internal_pb2 as format

    last = b""
    for record in _iterate_records(path.read_bytes()):
        last = record
    parsed = format.Record.FromString(last)  # ty: ignore[missing-attribute]  # made by protobuf
    return parsed.HasField("exit")


def _iterate_records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a `.wandb` file, each a protobuf.

    The file is a log in LevelDB's format after a header of 7 bytes. It consists of blocks of 32
    KiB. A block holds chunks of a checksum, a length, a kind and a part of a record. The kind is
    1 for a complete record, and 2, 3, 4 for the first, a middle and the last part of one.
    """
    block_bytes = 32768
    header = struct.Struct("<IHB")
    position = HEADER_BYTES
    parts = b""
    while position + header.size <= len(data):
        left_in_block = block_bytes - position % block_bytes
        length, kind = 0, 0
        if left_in_block >= header.size:
            _, length, kind = header.unpack_from(data, position)
        if not kind:
            # Padding at the end of a block.
            position += left_in_block
            continue
        position += header.size
        if position + length > len(data):
            return
        if kind in (1, 2):
            parts = b""
        parts += data[position : position + length]
        position += length
        if kind in (1, 4):
            yield parts
