"""Temporary folders: what a killed process leaves is removed, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gensweep.system.scratch import make_scratch, open_scratch, remove_abandoned

KILLED = """
import os
from gensweep.system.scratch import make_scratch
print(make_scratch(), flush=True)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_removed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    message = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True
    ).stdout.strip()
    left = Path(message)
    (left / "file").touch()
    mine = make_scratch()
    assert left.parent == mine.parent == tmp_path and not left.exists()
    _, host, boot, pid, started, _ = mine.name.split("-", 5)
    rebooted = tmp_path / f"gensweep-{host}-00000000-{pid}-{started}-x"
    stored = [
        tmp_path / f"gensweep-00000000-{boot}-1-0-another-host",
        tmp_path / "gensweep-of-somebody",
        tmp_path / f"gensweep-{host}-{boot}-{pid}-{started}-mine",
    ]
    for folder in (rebooted, *stored):
        folder.mkdir()
    link = tmp_path / f"gensweep-{host}-00000000-1-0-link"
    link.symlink_to(stored[1])
    if os.geteuid() == 0:
        other = tmp_path / f"gensweep-{host}-00000000-1-0-another-user"
        other.mkdir()
        os.chown(other, 12345, -1)
        stored.append(other)
    remove_abandoned()
    assert (
        not rebooted.exists()
        and link.is_symlink()
        and all(folder.is_dir() for folder in (*stored, mine))
    )
    with open_scratch() as folder:
        assert folder.is_dir()
    assert not folder.exists()
