"""A task that ends the process of a run without Ray: the next start says so, and not for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gensweep.ledger.ledger import Ledger
from gensweep.system.processes import Process
from gensweep.trial.point_folder import PointFolder
from gensweep.trial.process_deaths import (
    MAX_DEATHS,
    ProcessDiedError,
    forget_attempt,
    note_attempt,
)

TASK = '''
import os
import gensweep as gs

@gs.task("deadly", metrics={"gap": gs.Range(0, None, "min")}, epochs=3)
def train(run, *, dies_in: int = gs.param(0, "epoch that ends the process", ge=0)):
    """Count epochs."""
    state = run.restore() or {"epochs": 0}
    for epoch in run.epochs():
        print("epoch", run.params["dies_in"], epoch, flush=True)
        if epoch == dies_in:
            os._exit(7)
        state["epochs"] += 1
        run.epoch({"validation/gap": 1.0}, state=state)
    return {"gap": 1.0 / state["epochs"]}
'''
SWEEP = """
from gensweep import Grid, Sweep

SWEEP = Sweep(name="deaths", grids=[Grid("deadly", dies_in=[2, 0])], uses=["deadly.py"])
"""


@pytest.fixture
def folder(root: Path) -> Any:
    """The claimed folder of a point."""
    ledger = Ledger(root)
    with ledger.claim("a", Process.get_current()) as claim:
        yield PointFolder(ledger, claim, "a")


def test_deaths_without_progress_are_counted(folder: PointFolder) -> None:
    for _ in range(MAX_DEATHS):
        note_attempt(folder, 2)
    with pytest.raises(ProcessDiedError, match="died 3 times in epoch 3 of this point"):
        note_attempt(folder, 2)
    # A retry is not held back.
    note_attempt(folder, 2)


def test_progress_and_a_regular_end_begin_anew(folder: PointFolder) -> None:
    for epoch in range(2 * MAX_DEATHS):
        note_attempt(folder, epoch)
    for _ in range(2 * MAX_DEATHS):
        note_attempt(folder, 0)
        forget_attempt(folder)
    assert not (folder.path / "attempt.json").exists()


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"epoch": 0, "deaths": "x"}', "[" * 9999])
def test_a_note_that_is_cut_short_stops_nothing(folder: PointFolder, note: str) -> None:
    (folder.path / "attempt.json").write_text(note)
    note_attempt(folder, 0)


@pytest.mark.slow
def test_a_point_that_ends_the_process_is_named_and_then_failed(tmp_path: Path, root: Path) -> None:
    (tmp_path / "deadly.py").write_text(TASK)
    (tmp_path / "sweep.py").write_text(SWEEP)
    command = [sys.executable, "-m", "gensweep", "sweep.py", "--local", "--results", str(root)]
    outputs = []
    codes = []
    for _ in range(MAX_DEATHS + 1):
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=200
        )
        codes.append(done.returncode)
        outputs.append(done.stdout + done.stderr)
    assert codes == [7, 7, 7, 1], outputs
    assert "ended without a record" not in outputs[0]
    for output in outputs[1:]:
        assert "was in training when process" in output
    # It goes on from its last epoch, and is not tried for ever.
    assert "epoch 2 1\n" in outputs[0] and "epoch 2 1\n" not in outputs[1]
    assert "epoch 2 2\n" not in outputs[3]
    records = [json.loads(path.read_text()) for path in root.glob("points/*/record.json")]
    by_status = {record["status"]: record for record in records}
    assert by_status["ok"]["params"]["dies_in"] == 0
    failed = by_status["failed"]
    assert failed["params"]["dies_in"] == 2
    assert "ProcessDiedError: the process died 3 times in epoch 2" in failed["error"]
    assert not list(root.glob("points/*/attempt.json"))
