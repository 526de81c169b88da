"""Temporary folders. If a process is killed, the next call removes the folders it left."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

from gensweep.system.processes import Process

_NAME = re.compile(r"gensweep-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d*)-.*")
"""Digests of host and boot, number and start of the process: they identify the owner."""


def make_scratch() -> Path:
    """Return a new temporary folder, after removing those of this user's dead processes."""
    remove_abandoned()
    owner = Process.get_current()
    host = _digest(owner.host)
    boot = _digest(owner.boot)
    return Path(
        tempfile.mkdtemp(
            prefix=f"gensweep-{host}-{boot}-{owner.pid}-{owner.started}-"
        )
    )


@contextlib.contextmanager
def open_scratch() -> Generator[Path]:
    """Provide a new temporary folder until the end of the block."""
    folder = make_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of dead processes of this user on this host."""
    current = Process.get_current()
    for folder in Path(tempfile.gettempdir()).glob("gensweep-*"):
        match = _NAME.fullmatch(folder.name)
        # The temporary folder may be shared with other hosts, whose processes cannot be checked.
        if (
            match is None
            or match[1] != _digest(current.host)
            or not _is_ours(folder)
        ):
            continue
        owner = Process(current.host, current.boot, int(match[3]), match[4])
        is_earlier_boot = match[2] != _digest(current.boot)
        if is_earlier_boot or not owner.is_alive():
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Return whether it is a folder of this user, and not a link."""
    with contextlib.suppress(OSError):
        is_owner = os.name == "nt" or folder.lstat().st_uid == os.geteuid()
        return is_owner and folder.is_dir() and not folder.is_symlink()
    return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
