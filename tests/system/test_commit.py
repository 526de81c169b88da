"""The commit that a record names: that of gensweep's own checkout, wherever it is started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gensweep.system.environment import get_commit

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org")


def test_a_git_hook_of_another_checkout_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = get_commit()
    if commit is None:
        pytest.skip("gensweep is not in a checkout here")
    subprocess.run([*GIT, "init", "-q", tmp_path], check=True)
    subprocess.run(
        [*GIT, "-C", tmp_path, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True
    )
    # Git sets these for its hooks, and for `git rebase --exec`.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / ".git" / "index"))
    get_commit.cache_clear()
    try:
        assert get_commit() == commit
    finally:
        get_commit.cache_clear()
