"""A task or model that ends the process of a run without Ray: the next start says so, not for ever."""

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
    note_start,
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
MODEL = """
import os
import gensweep as gs

@gs.model("deadly")
class Deadly(gs.Model):
    reads = "pictures"
    default_dataset = "avatars"
    inputs = ("picture",)
    outputs = ("loss",)
    dies_in: str = gs.param("nothing", "the function that ends the process")
    epochs: int = 3
    batch_size: int = 64

    def build_network(self):
        import torch

        class Network(gs.Network):
            def __init__(self, config):
                super().__init__(config)
                self.layer = torch.nn.Linear(8, 1)
                if config.dies_in == "build_network":
                    os._exit(7)

            def get_loss(self, batch):
                return self.layer(batch["picture"][:, 0, 0, :8]).square().mean(1)

            def forward(self, player, batch, noise):
                if self.config.dies_in == "forward":
                    os._exit(7)
                loss = self.get_loss(batch).mean()
                return loss, {"loss": loss}

            def evaluate(self, batch, noise):
                return {"loss": self.get_loss(batch)}

            def samples(self, batch, noise):
                return gs.Samples(batch["picture"])

        return Network(self)
"""
MODEL_SWEEP = """
from gensweep import Grid, Sweep

grid = Grid("deadly", dies_in=["{function}", "nothing"], count=50, lr=[0.1, 0.2])
SWEEP = Sweep(name="deaths", grids=[grid], uses=["deadly.py"])
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


def test_deaths_before_the_first_step_are_counted(folder: PointFolder) -> None:
    for _ in range(MAX_DEATHS):
        note_start(folder, 1)
    with pytest.raises(ProcessDiedError, match="died 3 times before the first step"):
        note_start(folder, 1)
    note_start(folder, 1)


def test_a_start_counts_no_death_of_an_epoch_twice(folder: PointFolder) -> None:
    for _ in range(MAX_DEATHS):
        note_start(folder, 2)
        note_attempt(folder, 0, 2)
    note_start(folder, 2)
    # It was at its third attempt, and made progress after that.
    note_attempt(folder, 5, 2)
    for _ in range(MAX_DEATHS - 2):
        note_start(folder, 2)
        note_attempt(folder, 5, 2)
    note_start(folder, 2)
    with pytest.raises(ProcessDiedError, match=r"times in epoch 6 .* 2 points .* --pack 1 tries"):
        note_attempt(folder, 5, 2)


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "message"),
    [("build_network", "before the first step"), ("forward", "in epoch 1 of this point")],
)
def test_a_model_that_ends_the_process_is_failed_at_last(
    tmp_path: Path, root: Path, function: str, message: str
) -> None:
    (tmp_path / "deadly.py").write_text(MODEL)
    (tmp_path / "sweep.py").write_text(MODEL_SWEEP.format(function=function))
    command = [sys.executable, "-m", "gensweep", "sweep.py", "--local", "--pack", "2"]
    command += ["--results", str(root)]
    codes = []
    for _ in range(MAX_DEATHS + 1):
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=200
        )
        codes.append(done.returncode)
    assert codes == [7, 7, 7, 1], done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in root.glob("points/*/record.json")]
    failed = [record for record in records if record["status"] == "failed"]
    assert len(records) == 4 and len(failed) == 2
    for record in failed:
        assert record["params"]["dies_in"] == function
        assert f"ProcessDiedError: the process died 3 times {message}" in record["error"]
    assert not list(root.glob("points/*/attempt.json"))
