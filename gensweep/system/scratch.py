"""Folders for the time of a call, which the next call removes where this one was killed."""

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
"""Host, boot, process and its start: all that tells whose a folder is."""


def make_scratch() -> Path:
    """Return a new folder in the temporary one, after those of this user's dead processes have been removed."""
    remove_abandoned()
    me = Process.get_current()
    name = f"gensweep-{_digest(me.host)}-{_digest(me.boot)}-{me.pid}-{me.started}-"
    return Path(tempfile.mkdtemp(prefix=name))


@contextlib.contextmanager
def open_scratch() -> Generator[Path]:
    """A new folder in the temporary one, for as long as the block lasts."""
    folder = make_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders whose process, of this user on this host, has died."""
    me = Process.get_current()
    for folder in Path(tempfile.gettempdir()).glob("gensweep-*"):
        match = _NAME.fullmatch(folder.name)
        if match is None or match[1] != _digest(me.host) or not _is_ours(folder):
            continue
        owner = Process(me.host, me.boot, int(match[3]), match[4])
        if match[2] != _digest(me.boot) or not owner.is_alive():
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        is_mine = os.name == "nt" or folder.lstat().st_uid == os.geteuid()
        return is_mine and folder.is_dir() and not folder.is_symlink()
    return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
