"""Files that travel with a task: scripts that it calls, and what they import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import call

from gensweep import load
from gensweep.core.errors import UserError
from gensweep.core.registry import activate_layers
from gensweep.plugins.loader import load_plugins
from gensweep.plugins.source import read_plugin
from gensweep.sweep.code_fingerprint import compute_fingerprint, list_changed_parts

TASK = """
import gensweep as gs
from pathlib import Path

@gs.task("fit", metrics={"loss_left": gs.Range(0, None, "min")}, epochs=1, files=("fit.py",))
def train(run, *, alpha: float = gs.param(0.5, "step size", gt=0)):
    import subprocess, sys
    script = Path(__file__).with_name("fit.py")
    command = [sys.executable, str(script), str(alpha), str(run.seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"loss_left": float(done.stdout.splitlines()[-1])}

SWEEP = gs.Sweep("fit", [gs.Grid("fit", alpha=[0.25, 0.5])], seeds=2, uses=[__file__])
"""
SCRIPT = """#!/usr/bin/env python
import sys
from steps import descend
print("a line of progress")
print(descend(float(sys.argv[1]), int(sys.argv[2])))
"""
STEPS = "def descend(alpha, seed):\n    return (1 - alpha) ** 4 + seed\n"


@pytest.fixture(autouse=True)
def _only_this_tests_plugins() -> Iterator[None]:
    yield
    activate_layers([])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a task that calls a script, which imports a module beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "task.py").write_text(TASK)
    (folder / "fit.py").write_text(SCRIPT)
    (folder / "steps.py").write_text(STEPS)
    return folder


def test_a_script_is_called_from_where_it_travelled_to(project: Path, tmp_path: Path) -> None:
    ended = call(project / "task.py", "--local", "--results", tmp_path)
    assert ended.code == 0, ended.error
    points = load(tmp_path / "fit").points
    assert sorted(points["loss_left"]) == [0.0625, 0.31640625, 1.0625, 1.31640625]
    (entry,) = json.loads((tmp_path / "fit" / "sweep.json").read_text())["plugins"]
    assert (tmp_path / "plugins" / entry["sha"] / "fit.py").read_text() == SCRIPT


def test_a_script_and_what_it_imports_belong_to_the_code(project: Path) -> None:
    def compute() -> Any:
        plugin = read_plugin("task.py", project)
        assert plugin.scripts == ("fit.py", "steps.py") and plugin.helpers == {"task"}
        load_plugins([plugin])
        return compute_fingerprint("fit", "own_data")

    before = compute()
    (project / "steps.py").write_text(f"# A comment is no change.\n{STEPS}")
    assert list_changed_parts(before, compute()) == []
    (project / "steps.py").write_text(STEPS.replace("4", "6"))
    assert list_changed_parts(before, compute()) == ["training"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("('fti.py',)", "task.py:5: files has 'fti.py', but there is no file "),
        ("('../fit.py',)", "task.py:5: files has '../fit.py'; only files below the folder"),
        ("('/etc/hosts',)", "task.py:5: files has '/etc/hosts'; only files below the folder"),
        ("'fit.py'", "task.py:5: files must be a tuple of plain texts"),
        ("(str(3),)", "task.py:5: files must be a tuple of plain texts"),
        ("()", "task.py:8: 'fit.py' lies beside this file, but does not travel with it"),
    ],
)
def test_files_that_cannot_travel_are_named_with_their_line(
    project: Path, files: str, message: str
) -> None:
    (project / "task.py").write_text(TASK.replace('("fit.py",)', files))
    with pytest.raises(UserError) as caught:
        read_plugin("task.py", project)
    assert str(caught.value).startswith(message)


def test_a_folder_of_the_file_s_own_is_followed_to_its_files(tmp_path: Path) -> None:
    text = "from pathlib import Path\nHERE = Path(__file__).parent\nOPEN = HERE / 'rates.txt'\n"
    (tmp_path / "plain.py").write_text(text)
    assert read_plugin("plain.py", tmp_path).scripts == ()
    (tmp_path / "rates.txt").write_text("0.1")
    with pytest.raises(UserError, match=r"plain.py:3: 'rates.txt' lies beside this file"):
        read_plugin("plain.py", tmp_path)


def test_files_of_a_sweep_stay_where_they_are(project: Path) -> None:
    (project / "numbers.csv").write_text("")
    text = TASK.replace(
        "seeds=2", "seeds=2, reference=str(Path(__file__).with_name('numbers.csv'))"
    )
    (project / "task.py").write_text(text)
    assert read_plugin("task.py", project).scripts == ("fit.py", "steps.py")


def test_a_script_that_fails_leaves_its_last_line(project: Path, tmp_path: Path) -> None:
    (project / "fit.py").write_text("print('first')\nraise SystemExit('no such file: mnist')\n")
    ended = call(project / "task.py", "--local", "--results", tmp_path, "--seeds", 1)
    assert ended.code == 1
    (record, _) = load(tmp_path / "fit").points["error"]
    assert "ended with exit status 1: no such file: mnist (task.py:10)" in record
    (trace, _) = [path.read_text() for path in tmp_path.glob("points/*/error.txt")]
    assert "--- stdout of the program\nfirst" in trace
    assert "--- stderr of the program\nno such file: mnist" in trace
